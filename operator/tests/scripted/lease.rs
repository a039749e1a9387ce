//! Who leads, when writes of the lease conflict or fail.

use crate::api_server::{ApiServer, Fault};
use flotilla_operator::lease::{Election, Leadership};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/flotilla/leases/flotilla-operator";

struct Candidate {
    leadership: Leadership,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), flotilla_operator::lease::LeaseError>>,
}

fn candidate(server: &ApiServer, name: &str) -> Candidate {
    let (election, leadership) = Election::new(server.client(), "flotilla", name.to_owned());
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(election.run(shutdown.clone()));
    Candidate { leadership, shutdown, ended }
}

fn held_by(holder: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "flotilla-operator"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
    })
}

fn holder(server: &ApiServer) -> Value {
    server.get(PATH).unwrap()["spec"]["holderIdentity"].clone()
}

#[tokio::test(start_paused = true)]
async fn of_two_candidates_one_leads_and_the_other_takes_over_when_it_leaves() {
    let server = ApiServer::default();
    let (a, b) = (candidate(&server, "a"), candidate(&server, "b"));
    for _ in 0..60 {
        sleep(Duration::from_secs(1)).await;
        assert!(a.leadership.is_leader() != b.leadership.is_leader(), "none or both lead");
    }
    let (first, second) = if a.leadership.is_leader() { (a, b) } else { (b, a) };
    first.shutdown.cancel();
    first.ended.await.unwrap().unwrap();
    sleep(Duration::from_secs(5)).await;
    assert!(second.leadership.is_leader(), "a lease that was given back is free at once");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_makes_no_leader_and_is_no_error() {
    let server = ApiServer::default();
    server.put(PATH, held_by("gone"));
    // The lease ends unrenewed; somebody else is faster with the write that takes it over.
    server.0.lock().unwrap().late_puts = u32::MAX;
    let a = candidate(&server, "a");
    sleep(Duration::from_secs(30)).await;
    assert!(server.writes().iter().any(|(method, _)| method == Method::PUT), "it never tried");
    assert!(!a.leadership.is_leader());
    server.0.lock().unwrap().late_puts = 0;
    server.put(PATH, held_by("b"));
    sleep(Duration::from_secs(10)).await;
    assert!(!a.leadership.is_leader() && !a.ended.is_finished());
    assert_eq!(holder(&server), "b");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_while_leading_is_no_loss() {
    let server = ApiServer::default();
    let a = candidate(&server, "a");
    sleep(Duration::from_secs(5)).await;
    assert!(a.leadership.is_leader());
    server.0.lock().unwrap().late_puts = 1;
    sleep(Duration::from_secs(20)).await;
    assert_eq!(server.0.lock().unwrap().late_puts, 0, "no renewal met the conflict");
    assert!(a.leadership.is_leader() && !a.ended.is_finished());
}

/// A leader gives up before its lease is free, once its API server is made worse.
async fn gives_up_in_time(worsen: impl FnOnce(&ApiServer)) {
    let server = ApiServer::default();
    let a = candidate(&server, "a");
    sleep(Duration::from_secs(3)).await;
    assert!(a.leadership.is_leader());
    let start = Instant::now();
    worsen(&server);
    a.ended.await.unwrap().unwrap_err();
    assert!(!a.leadership.is_leader());
    assert!(start.elapsed() < Duration::from_secs(15), "the lease was free already: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_anybody_else_may_start() {
    gives_up_in_time(|server| {
        for request in server.requests()..server.requests() + 100 {
            server.fail(request, Fault::Refused(500));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_long_for_each_answer_stops_as_early() {
    gives_up_in_time(|server| {
        server.0.lock().unwrap().takes =
            [(Method::GET, Duration::from_millis(1900)), (Method::PUT, Duration::from_mins(1))].into();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_keeps_the_lease() {
    let server = ApiServer::default();
    let a = candidate(&server, "a");
    sleep(Duration::from_secs(3)).await;
    for request in server.requests()..server.requests() + 3 {
        server.fail(request, Fault::DoneAndLost);
    }
    sleep(Duration::from_secs(30)).await;
    assert!(a.leadership.is_leader() && !a.ended.is_finished());
    assert_eq!(holder(&server), "a");
}
