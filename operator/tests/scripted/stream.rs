//! Which replica takes routers: the leader, as long as it is one.

use axum::body::Body;
use flotilla_crds::router_config::{BackendDemand, BackendUsage, NanoUsd, RouterMessage};
use flotilla_crds::routing_policy::PodSelector;
use flotilla_operator::fleet::{Catalog, Entry, Verdict, trigger};
use flotilla_operator::lease::{Election, Leadership};
use flotilla_operator::push::{Authenticator, Registry, State, stream};
use flotilla_operator::routing_policy::ObjectKey;
use flotilla_operator::routing_policy::compile::Compiled;
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::api_server::ApiServer;
use crate::reconcile::leadership;

/// An API server that knows every token, as that of the pod `apps/chat`.
fn reviewer() -> Client {
    let service = tower::service_fn(|request: Request<kube::client::Body>| async move {
        let answer = if request.method() == Method::POST {
            json!({"metadata": {}, "spec": {}, "status": {
                "authenticated": true,
                "audiences": [flotilla_crds::router_config::TOKEN_AUDIENCE],
                "user": {"username": "system:serviceaccount:apps:default", "extra": {
                    "authentication.kubernetes.io/pod-name": ["chat"],
                    "authentication.kubernetes.io/pod-uid": ["1"],
                }},
            }})
        } else {
            let labels = json!({"app": "chat"});
            json!({"metadata": {"name": "chat", "namespace": "apps", "uid": "1", "labels": labels}})
        };
        Ok::<_, Infallible>(Response::new(kube::client::Body::from(answer.to_string().into_bytes())))
    });
    Client::new(service, "flotilla")
}

fn state(leadership: Leadership) -> (State, Arc<Registry>) {
    let registry = Arc::new(Registry::default());
    let (triggers, _) = trigger();
    let state = State {
        authenticator: Authenticator::new(reviewer()),
        catalog: tokio::sync::watch::channel(Some(Arc::new(Catalog::default()))).1,
        reports: Arc::default(),
        registry: registry.clone(),
        ledger: Arc::default(),
        triggers,
        leadership,
        shutdown: CancellationToken::new(),
    };
    (state, registry)
}

/// A router that connects and says nothing.
async fn connect(state: &State) -> axum::response::Response {
    connect_with(state, Body::from_stream(futures::stream::pending::<Result<Vec<u8>, Infallible>>())).await
}

async fn connect_with(state: &State, up: Body) -> axum::response::Response {
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, "Bearer t".parse().unwrap())]);
    stream(axum::extract::State(state.clone()), headers, up).await
}

/// The label of a leader that died without the API server stays on its pod: routers still find it there.
#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_lead_takes_no_router() {
    let server = ApiServer::default();
    let (election, leadership) = Election::new(server.client(), "flotilla", "a".to_owned());
    let (state, registry) = state(leadership.clone());
    assert_eq!(connect(&state).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(registry.is_empty());

    let shutdown = CancellationToken::new();
    let mut gained = leadership;
    let running = tokio::spawn(election.run(shutdown.clone()));
    assert!(gained.changed().await && gained.is_leader());
    let taken = connect(&state).await;
    assert_eq!(taken.status(), StatusCode::OK);

    // Its stream ends with its leadership and not an hour later, so that the router asks for the next one.
    shutdown.cancel();
    running.await.unwrap().unwrap();
    let mut lines = taken.into_body().into_data_stream();
    let ended = async { while lines.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap();
    assert!(registry.is_empty());
}

/// Its clients are asking another one by then.
#[tokio::test]
async fn what_a_router_was_asked_for_counts_no_more_when_its_stream_ends() {
    let (state, _) = state(leadership(true).await);
    let key = ObjectKey { namespace: "apps".to_owned(), name: "llama".to_owned() };
    let (start, second) = (Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1));
    for (offered, at) in [(0, start), (100, start + second)] {
        let (policy, backend) = ("apps/split".to_owned(), "fleet".to_owned());
        let demand =
            BackendDemand { policy, backend, offered_prompt_tokens: offered, ..BackendDemand::default() };
        state.reports.take("apps/chat", vec![demand], at);
    }
    let offered = || {
        let sums = state.reports.sums(start + second * 2, second, |_, _| Some(&key));
        sums.get(&key).map(|sum| sum.demand.offered.is_zero())
    };
    assert_eq!(offered(), Some(false));
    let taken = connect_with(&state, Body::empty()).await;
    let mut lines = taken.into_body().into_data_stream();
    while lines.next().await.is_some() {}
    assert_eq!(offered(), Some(true));
}

/// A router that opens its stream anew may tell what is asked of it before it is told of its policies again.
#[tokio::test]
async fn a_report_before_the_config_is_no_report_of_nothing() {
    let (state, _) = state(leadership(true).await);
    let key = ObjectKey { namespace: "apps".to_owned(), name: "llama".to_owned() };
    let demand = BackendDemand {
        policy: "apps/split".to_owned(),
        backend: "fleet".to_owned(),
        in_flight: 3,
        ..BackendDemand::default()
    };
    let now = Timestamp::now();
    state.reports.take("apps/chat", vec![demand.clone()], now);
    let report = serde_json::to_string(&RouterMessage::Demand { backends: vec![demand] }).unwrap();
    let taken = connect_with(&state, Body::from(format!("{report}\n"))).await;
    let mut lines = taken.into_body().into_data_stream();
    while lines.next().await.is_some() {}
    let sums = state.reports.sums(now, SignedDuration::from_secs(1), |_, _| Some(&key));
    assert_eq!(sums.get(&key).map(|sum| sum.demand.in_flight), Some(3));
}

/// A policy of this name that pods with the label `app: chat` get.
fn entry(namespace: &str, name: &str) -> Entry {
    let policy = json!({
        "name": format!("{namespace}/{name}"), "models": [], "backends": [], "default": {"backends": []},
    });
    let policy = serde_json::from_value(policy).unwrap();
    let match_labels = BTreeMap::from([("app".to_owned(), "chat".to_owned())]);
    Entry {
        key: ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() },
        generation: Some(1),
        selector: Some(PodSelector { match_labels }),
        gateway: false,
        verdict: Verdict::Compiled(Box::new(Compiled {
            policy,
            backends: Vec::new(),
            spill: None,
            clients_loading: None,
        })),
    }
}

/// Every pod can open a stream, and what routers report becomes the status of policies.
#[tokio::test]
async fn a_router_counts_for_the_policies_that_it_was_given_and_for_no_others() {
    let (mut state, registry) = state(leadership(true).await);
    let entries = vec![entry("apps", "split"), entry("billing", "split")];
    let catalog = Arc::new(Catalog::build(entries, &Catalog::default()).0);
    let (_published, receiver) = tokio::sync::watch::channel(Some(catalog.clone()));
    state.catalog = receiver;
    let spent = |namespace: &str| {
        let key = ObjectKey { namespace: namespace.to_owned(), name: "split".to_owned() };
        let totals = registry.totals(&catalog.get(&key).unwrap());
        (totals.external_requests, totals.spend)
    };
    let usage = |policy: &str, cost| BackendUsage {
        policy: policy.to_owned(),
        external: true,
        requests: 5,
        cost: NanoUsd(cost),
        ..BackendUsage::default()
    };
    let line = |message: &RouterMessage| format!("{}\n", serde_json::to_string(message).unwrap());
    let report = |cost| {
        let backends = vec![usage("apps/split", cost), usage("billing/split", cost)];
        line(&RouterMessage::Usage { backends })
    };

    // It goes on where another stream ended: what it served is said at once, and again only when that changes.
    let (up, mut lines) = tokio::sync::mpsc::channel::<String>(4);
    let body = futures::stream::poll_fn(move |cx| lines.poll_recv(cx)).map(Ok::<_, Infallible>);
    let mut down = connect_with(&state, Body::from_stream(body)).await.into_body().into_data_stream();
    up.send(report(7)).await.unwrap();
    up.send(line(&RouterMessage::Hello {
        router_version: String::new(),
        revision: String::new(),
        features: Vec::new(),
    }))
    .await
    .unwrap();
    // It has its policies once the config has come down.
    while !String::from_utf8(down.next().await.unwrap().unwrap().to_vec()).unwrap().contains("\"config\"") {}
    assert_eq!(spent("apps"), (5, NanoUsd(7)));
    up.send(report(8)).await.unwrap();
    while spent("apps") == (5, NanoUsd(7)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(spent("apps"), (5, NanoUsd(8)));
    assert_eq!(spent("billing"), (0, NanoUsd(0)), "its routers are others");
}
