//! Allocations of the router's thread per request, connections and everything else in place.

use crate::counting::{allocations, count_this_thread};
use flotilla_bench::load::{self, Client};
use flotilla_bench::mock;
use flotilla_bench::traffic::{Answer, Pace, Script, request};
use flotilla_router::account::Metrics;
use flotilla_router::serve::{Limits, ListenerLimits, Router, data_service, serve};
use flotilla_router::snapshot::Store;
use flotilla_router::source::file;
use flotilla_router::telemetry::JsonLine;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const WARM: u64 = 20;
const COUNTED: u64 = 100;
/// 47 for an answer in one piece and 48 for a stream when this was measured last: the events of a stream allocate
/// nothing.
const AT_MOST: u64 = 49;

/// A router on a thread of its own, which is the one whose allocations count.
fn router(config: String, stop: CancellationToken) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let (tell, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let subscriber = tracing_subscriber::fmt().event_format(JsonLine).with_writer(std::io::sink).finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let metrics = Arc::new(Metrics::new().unwrap());
            let store = Arc::new(Store::new(Arc::clone(&metrics)));
            store.apply(&file::parse(&config).unwrap()).unwrap();
            let router = Arc::new(Router::new(store, metrics, Limits::default()).unwrap());
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            count_this_thread();
            let service = |router: Arc<Router>, request| async move { data_service(&router, request).await };
            serve(router, listener, ListenerLimits::default(), service, stop).await;
        });
    });
    (told.recv().unwrap(), thread)
}

async fn per_request(answer: Answer) -> u64 {
    let (script, epoch) = (Script::default(), Instant::now());
    script.set(answer);
    let (upstreams, _mock) = mock::start(&script, epoch, 1).await.unwrap();
    let config = format!(
        "version: flotilla.dev/router/v1alpha1
policies:
- name: team/assistant
  models: [assistant]
  backends:
  - {{name: fleet, fleet: {{model: llama-3.2-3b, endpoints: [{{address: \"{}\"}}]}}}}
  rules:
  - {{name: phi, match: {{dataClasses: [PHI, Internal]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}
  default: {{backends: [{{name: fleet}}]}}
",
        upstreams[0]
    );
    let stop = CancellationToken::new();
    let (address, thread) = router(config, stop.clone());
    let stream = matches!(answer, Answer::Stream { .. });
    let client = Client {
        address,
        request: request("assistant", stream, 300).into(),
        answer,
        script: script.clone(),
        epoch,
    };
    // Two runs, the second with more requests: what a connection costs drops out.
    let mut counts = [0; 2];
    for (count, requests) in counts.iter_mut().zip([WARM, WARM + COUNTED]) {
        let before = allocations();
        load::run(std::slice::from_ref(&client), 1, &Rc::default(), requests).await.unwrap();
        *count = allocations() - before;
    }
    stop.cancel();
    thread.join().unwrap();
    counts[1].saturating_sub(counts[0]) / COUNTED
}

/// One test: the count is of the whole process.
#[tokio::test]
async fn a_request_allocates_no_more_than_it_did() {
    let whole = per_request(Answer::Json).await;
    // Each event comes by itself: the most that there is to do.
    let stream = per_request(Answer::Stream { events: 20, pace: Pace::Seen }).await;
    println!("{whole} allocations for an answer in one piece, {stream} for a stream of 20 events");
    assert!(whole <= AT_MOST, "{whole} allocations for an answer in one piece");
    assert!(stream <= AT_MOST, "{stream} allocations for a stream of 20 events");
}
