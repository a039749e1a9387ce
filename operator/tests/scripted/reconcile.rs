//! Each request of a reconcile fails once, before and after it was carried out; the end is always the same.

use crate::api_server::{ApiServer, Fault};
use flotilla_crds::ModelDeployment;
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::fleet::{Capacity, Catalog, Stores};
use flotilla_operator::kube_ext::{Appliers, Events, StatusWriter};
use flotilla_operator::lease::{Election, Leadership};
use flotilla_operator::metrics::Metrics;
use flotilla_operator::model_deployment::file::Files;
use flotilla_operator::model_deployment::observe::{Observer, ObserverOptions};
use flotilla_operator::model_deployment::{Context, reconcile};
use flotilla_operator::options::Defaults;
use flotilla_operator::push::Routers;
use flotilla_operator::run::{Backoff, ReconcileError, Turns};
use kube::core::DeserializeGuard;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) const OBJECT: &str = "/apis/flotilla.dev/v1alpha1/namespaces/apps/modeldeployments/tiny";
pub(crate) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/apps/deployments/tiny";
pub(crate) const SERVICE: &str = "/api/v1/namespaces/apps/services/tiny";
pub(crate) const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/apps/events";

/// Leadership as the operator gets it: from an election, here with an API server of its own.
pub(crate) async fn leadership(leads: bool) -> Leadership {
    let server = ApiServer::default();
    let (election, mut leadership) = Election::new(server.client(), "flotilla", "a".to_owned());
    if leads {
        tokio::spawn(election.run(CancellationToken::new()));
        assert!(leadership.changed().await && leadership.is_leader());
    }
    leadership
}

pub(crate) async fn context(server: &ApiServer, leads: bool, files: Files) -> Arc<Context> {
    server.put(OBJECT, object());
    with_stores(server, leads, files, Stores::empty(), Inventory::default()).await
}

pub(crate) async fn with_stores(
    server: &ApiServer,
    leads: bool,
    files: Files,
    stores: Stores,
    inventory: Inventory,
) -> Arc<Context> {
    let dcgm_namespace = Some("gpu-operator".to_owned());
    Arc::new(Context {
        client: server.client(),
        appliers: Arc::new(Appliers::new(&server.client(), &stores)),
        stores: Arc::new(stores),
        capacity: Capacity::fixed(inventory),
        files,
        defaults: Defaults {
            llama_cpp_image: "example/engine:1".to_owned(),
            fetcher_image: Some("example/fetcher:1".to_owned()),
            ..Defaults::default()
        },
        observer: Observer::new(server.client(), ObserverOptions { engine_metrics: true, dcgm_namespace }),
        status: StatusWriter::new(server.client(), Events::new(server.client(), "operator-0")),
        routers: routers(),
        scaling: Arc::default(),
        turns: Turns {
            leadership: leadership(leads).await,
            metrics: Metrics::new().unwrap(),
            backoff: Backoff::default(),
        },
    })
}

/// No policies, and no routers that follow any.
fn routers() -> Routers {
    let catalog = tokio::sync::watch::channel(Some(Arc::new(Catalog::default()))).1;
    Routers::new(catalog, Arc::default())
}

/// Two replicas of a small model.
pub(crate) fn object() -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": "tiny", "namespace": "apps", "generation": 1},
        "spec": {
            "model": {"source": "oci://reg.example/m:1", "preset": "smollm2-135m", "quantization": "Q4_1"},
            "replicas": 2,
        },
    })
}

/// One reconcile of the object as it is live.
pub(crate) async fn once(server: &ApiServer, context: &Arc<Context>) -> Result<(), ReconcileError> {
    with(context, server.get(OBJECT).unwrap()).await
}

/// One reconcile of the object as a cache has it.
pub(crate) async fn with(context: &Arc<Context>, cached: Value) -> Result<(), ReconcileError> {
    let object: ModelDeployment = serde_json::from_value(cached).unwrap();
    reconcile(Arc::new(DeserializeGuard(Ok(object))), context.clone()).await.map(drop)
}

/// Reconciles as the controller does: again after an error. Returns how often.
async fn until_done(server: &ApiServer, context: &Arc<Context>) -> usize {
    for tries in 1..10 {
        if once(server, context).await.is_ok() {
            return tries;
        }
    }
    panic!("it never succeeded");
}

/// What is left in the cluster, without times, versions and events.
fn left(server: &ApiServer) -> BTreeMap<String, Value> {
    let mut objects = server.0.lock().unwrap().objects.clone();
    objects.retain(|path, _| !path.starts_with(EVENTS));
    for object in objects.values_mut() {
        object["metadata"]["resourceVersion"] = Value::Null;
        object["metadata"]["uid"] = Value::Null;
        for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = Value::Null;
        }
    }
    objects
}

#[tokio::test]
async fn whichever_request_fails_the_end_is_the_same() {
    let server = ApiServer::default();
    assert_eq!(until_done(&server, &context(&server, true, Files::off()).await).await, 1);
    let (wanted, requests) = (left(&server), server.requests());
    assert_eq!(wanted.keys().collect::<Vec<_>>(), [SERVICE, DEPLOYMENT, OBJECT]);

    for request in 0..requests {
        for fault in [Fault::Refused(500), Fault::Refused(409), Fault::Refused(429), Fault::DoneAndLost] {
            let server = ApiServer::default();
            server.fail(request, fault);
            let tries = until_done(&server, &context(&server, true, Files::off()).await).await;
            assert!(tries <= 2, "request {request}, {fault:?}: {tries} tries");
            assert_eq!(left(&server), wanted, "request {request}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn who_does_not_lead_asks_and_writes_nothing() {
    let server = ApiServer::default();
    until_done(&server, &context(&server, false, Files::off()).await).await;
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_service_of_somebody_else_is_not_taken() {
    let server = ApiServer::default();
    let theirs = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tiny", "namespace": "apps"}, "spec": {"selector": {"app": "theirs"}}});
    server.put(SERVICE, theirs);
    let before = server.get(SERVICE);
    once(&server, &context(&server, true, Files::off()).await).await.unwrap_err();
    assert_eq!(server.get(SERVICE), before);
    assert!(server.get(DEPLOYMENT).is_none(), "the workload comes last");
    let object = server.get(OBJECT).unwrap();
    assert_eq!(object["status"]["conditions"][0]["reason"], "NameTaken");
}

/// An operator that begins to lead then still knows enough of the replicas to follow their load.
#[tokio::test]
async fn a_spec_that_cannot_be_carried_out_leaves_the_figures_of_the_one_before() {
    let server = ApiServer::default();
    let context = context(&server, true, Files::off()).await;
    once(&server, &context).await.unwrap();
    let before = server.get(OBJECT).unwrap()["status"].clone();
    assert!(before["memory"]["required"].is_string(), "{before}");
    let mut invalid = server.get(OBJECT).unwrap();
    invalid["metadata"]["generation"] = json!(2);
    invalid["spec"]["model"]["preset"] = json!("no-such-model");
    server.put(OBJECT, invalid);
    once(&server, &context).await.unwrap();
    let after = server.get(OBJECT).unwrap()["status"].clone();
    assert_eq!((&after["observedGeneration"], &after["placement"]), (&json!(2), &Value::Null));
    for figures in ["memory", "quantization"] {
        assert_eq!(after[figures], before[figures]);
    }
}
