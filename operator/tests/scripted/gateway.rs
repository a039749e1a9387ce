//! The gateway that a policy has no longer: whichever request fails, nothing of it stays.

use crate::api_server::{ApiServer, Fault};
use crate::reconcile::{EVENTS, leadership};
use flotilla_crds::RoutingPolicy;
use flotilla_operator::fleet::{Catalog, Entry, Stores, Verdict};
use flotilla_operator::kube_ext::{Appliers, Events, StatusWriter};
use flotilla_operator::metrics::Metrics;
use flotilla_operator::routing_policy::compile::Compiled;
use flotilla_operator::routing_policy::conflict::Conflict;
use flotilla_operator::routing_policy::{Context, ObjectKey, reconcile};
use flotilla_operator::run::{Backoff, ReconcileError, Turns};
use flotilla_operator::webhook::router_container::RouterPod;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::watch;

const POLICY: &str = "/apis/flotilla.dev/v1alpha1/namespaces/apps/routingpolicies/split";
const SERVICE: &str = "/api/v1/namespaces/apps/services/split-gateway";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/apps/deployments/split-gateway";

/// A policy that was reconciled with a gateway.
struct Cluster {
    server: ApiServer,
    context: Arc<Context>,
    catalog: watch::Sender<Option<Arc<Catalog>>>,
}

impl Cluster {
    async fn new() -> Self {
        let server = ApiServer::default();
        let (catalog, receiver) = watch::channel(None);
        let context = Arc::new(Context {
            client: server.client(),
            appliers: Arc::new(Appliers::new(&server.client(), &Stores::empty())),
            catalog: receiver,
            registry: Arc::default(),
            router: Arc::new(RouterPod {
                image: "example/router:1".to_owned(),
                operator_url: String::new(),
                ca_pem: String::new(),
                spans: None,
            }),
            status: StatusWriter::new(server.client(), Events::new(server.client(), "operator-0")),
            turns: Turns {
                leadership: leadership(true).await,
                metrics: Metrics::new().unwrap(),
                backoff: Backoff::default(),
            },
        });
        server.put(POLICY, policy());
        let cluster = Self { server, context, catalog };
        cluster.publish(1, compiled());
        cluster.once().await.unwrap();
        assert!(cluster.has(SERVICE) && cluster.has(DEPLOYMENT) && cluster.endpoint().is_some());
        cluster
    }

    fn publish(&self, generation: i64, verdict: Verdict) {
        let entry = Entry {
            key: ObjectKey { namespace: "apps".to_owned(), name: "split".to_owned() },
            generation: Some(generation),
            selector: None,
            gateway: generation == 1,
            verdict,
        };
        self.catalog.send_replace(Some(Arc::new(Catalog::build(vec![entry], &Catalog::default()).0)));
    }

    /// The spec has no gateway any more.
    fn take_back(&self, verdict: Verdict) {
        let mut policy = self.server.get(POLICY).unwrap();
        policy["metadata"]["generation"] = json!(2);
        policy["spec"].as_object_mut().unwrap().remove("gateway");
        self.server.put(POLICY, policy);
        self.publish(2, verdict);
    }

    /// One reconcile of the policy as it is live.
    async fn once(&self) -> Result<(), ReconcileError> {
        let policy: RoutingPolicy = serde_json::from_value(self.server.get(POLICY).unwrap()).unwrap();
        reconcile(Arc::new(DeserializeGuard(Ok(policy))), self.context.clone()).await.map(drop)
    }

    /// Reconciles as the controller does: again after an error. Returns how often.
    async fn until_done(&self) -> usize {
        for tries in 1..10 {
            if self.once().await.is_ok() {
                return tries;
            }
        }
        panic!("it never succeeded");
    }

    fn has(&self, path: &str) -> bool {
        self.server.get(path).is_some()
    }

    fn endpoint(&self) -> Option<String> {
        self.server.get(POLICY).unwrap()["status"]["endpoint"].as_str().map(str::to_owned)
    }
}

fn policy() -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "RoutingPolicy",
        "metadata": {"name": "split", "namespace": "apps", "generation": 1},
        "spec": {
            "models": ["m"], "backends": [{"name": "a", "modelDeploymentRef": {"name": "a"}}],
            "default": {"backends": [{"name": "a"}]}, "gateway": {},
        },
    })
}

fn compiled() -> Verdict {
    let policy = json!({"name": "apps/split", "models": [], "backends": [], "default": {"backends": []}});
    let policy = serde_json::from_value(policy).unwrap();
    Verdict::Compiled(Box::new(Compiled { policy, backends: Vec::new(), spill: None, clients_loading: None }))
}

fn conflicted() -> Verdict {
    Verdict::Conflicted(Conflict { model: "m".to_owned(), winner: "older".to_owned() })
}

#[tokio::test]
async fn whichever_request_fails_no_gateway_is_left() {
    for verdict in [compiled, conflicted] {
        let cluster = Cluster::new().await;
        let before = cluster.server.requests();
        cluster.take_back(verdict());
        assert_eq!(cluster.until_done().await, 1);
        let requests = cluster.server.requests() - before;
        assert!(requests >= 5, "a read and a deletion of each, and the status: {requests}");
        for request in 0..requests {
            for fault in [Fault::Refused(500), Fault::Refused(409), Fault::Refused(429), Fault::DoneAndLost] {
                let cluster = Cluster::new().await;
                cluster.take_back(verdict());
                cluster.server.fail(cluster.server.requests() + request, fault);
                let tries = cluster.until_done().await;
                assert!(tries <= 2, "request {request}, {fault:?}: {tries} tries");
                let left = (cluster.has(DEPLOYMENT), cluster.has(SERVICE), cluster.endpoint());
                assert_eq!(left, (false, false, None), "request {request}, {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_policy_that_is_not_in_force_keeps_the_gateway_that_it_asks_for() {
    let cluster = Cluster::new().await;
    let writes = |path: &str| cluster.server.writes().iter().filter(|(_, to)| to.starts_with(path)).count();
    let before = (writes(SERVICE), writes(DEPLOYMENT));
    cluster.publish(1, conflicted());
    cluster.once().await.unwrap();
    assert_eq!((writes(SERVICE), writes(DEPLOYMENT)), before);
    assert!(cluster.has(SERVICE) && cluster.has(DEPLOYMENT) && cluster.endpoint().is_some());
    assert!(cluster.server.writes().iter().any(|(_, path)| path.starts_with(EVENTS)));
}
