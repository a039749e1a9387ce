//! What to add to a pod. Pure.

use super::router_container::{
    ADMIN_PORT, CONTAINER, Exposure, PORT, RouterPod, TOKEN_VOLUME, container, volumes,
};
use crate::fleet::Catalog;
use flotilla_crds::labels;
use json_patch::{AddOperation, Patch, PatchOperation};
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::{Value, json};

/// What to do with a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Injection {
    /// Take it as it is.
    Unchanged,
    /// Take it as it is, and tell the person why it gets no router.
    Warn(String),
    /// Change it.
    Patch(Patch),
}

/// Decides for one pod of `namespace`.
pub fn inject(pod: &Pod, namespace: &str, catalog: &Catalog, router: &RouterPod) -> Injection {
    let none = std::collections::BTreeMap::new();
    let pod_labels = pod.metadata.labels.as_ref().unwrap_or(&none);
    if pod_labels.get(labels::INJECT).map(String::as_str) != Some(labels::INJECT_ENABLED) {
        return Injection::Unchanged;
    }
    // Gateways are routers already; the label would otherwise lend a pod the policy of another's gateway.
    if pod_labels.contains_key(labels::GATEWAY) {
        return Injection::Unchanged;
    }
    let Some(spec) = &pod.spec else {
        return Injection::Unchanged;
    };
    let mut names =
        spec.containers.iter().chain(spec.init_containers.iter().flatten()).map(|c| c.name.as_str());
    if names.any(|name| name == CONTAINER) {
        return Injection::Unchanged;
    }
    if spec.volumes.iter().flatten().any(|volume| volume.name == TOKEN_VOLUME) {
        return Injection::Warn(format!(
            "no router was added: the pod has a volume named {TOKEN_VOLUME} of its own"
        ));
    }
    if spec.host_network == Some(true) {
        return Injection::Warn(
            "no router was added: the pod has hostNetwork: true, and a router there would take ports of the node and answer every process on it".to_owned(),
        );
    }
    if let Some((name, port)) = taken_port(spec) {
        return Injection::Warn(format!(
            "no router was added: container {name} declares containerPort {port}, and a router listens on {PORT} and {ADMIN_PORT}; have it listen on another port"
        ));
    }
    if catalog.attached_to(namespace, pod_labels).is_empty() {
        return Injection::Warn(format!(
            "no router was added: no accepted RoutingPolicy in namespace {namespace} has a spec.attach.selector that matches this pod's labels; create the policy first, then the pod"
        ));
    }
    Injection::Patch(Patch(operations(spec.init_containers.is_some(), spec.volumes.is_some(), router)))
}

/// A container with a port that the router takes: whichever of them starts second would die of it.
fn taken_port(spec: &PodSpec) -> Option<(&str, i32)> {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mut ports =
        containers.flat_map(|c| c.ports.iter().flatten().map(move |port| (c.name.as_str(), port)));
    ports.find_map(|(name, port)| {
        let tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
        (tcp && [PORT, ADMIN_PORT].contains(&port.container_port)).then_some((name, port.container_port))
    })
}

fn operations(has_init_containers: bool, has_volumes: bool, router: &RouterPod) -> Vec<PatchOperation> {
    let mut operations = Vec::new();
    if !has_init_containers {
        operations.push(add(["spec", "initContainers"].as_slice(), json!([])));
    }
    // First, so that init containers of the application can use it, too.
    operations
        .push(add(["spec", "initContainers", "0"].as_slice(), json!(container(router, Exposure::Sidecar))));
    if !has_volumes {
        operations.push(add(["spec", "volumes"].as_slice(), json!([])));
    }
    operations
        .extend(volumes().into_iter().map(|volume| add(["spec", "volumes", "-"].as_slice(), json!(volume))));
    operations
}

fn add(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: json_patch::jsonptr::PointerBuf::from_tokens(path.iter().copied()),
        value,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fleet::{Entry, Verdict};
    use crate::routing_policy::ObjectKey;
    use crate::routing_policy::compile::{Compiled, tests::policy};
    use flotilla_crds::router_config::{Ejection, Policy, Retries, Route, Sensitivity, Timeouts};

    pub(crate) fn router() -> RouterPod {
        RouterPod {
            image: "example/router:1".to_owned(),
            operator_url: "https://flotilla-operator.flotilla.svc:9443".to_owned(),
            ca_pem: "PEM".to_owned(),
            spans: None,
        }
    }

    pub(crate) fn catalog() -> Catalog {
        let wire = Policy {
            name: "apps/split".to_owned(),
            models: vec![],
            backends: vec![],
            rules: vec![],
            default: Route { backends: vec![], fallback: vec![], hedge: false, continuation: false },
            sensitivity: Sensitivity::default(),
            clients: None,
            budgets: vec![],
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            ejection: Ejection::default(),
        };
        let entry = Entry {
            key: ObjectKey { namespace: "apps".to_owned(), name: "split".to_owned() },
            generation: Some(1),
            selector: policy("split").spec.attach.map(|attach| attach.selector),
            gateway: false,
            verdict: Verdict::Compiled(Box::new(Compiled {
                policy: wire,
                backends: vec![],
                spill: None,
                clients_loading: None,
            })),
        };
        Catalog::build(vec![entry], &Catalog::default()).0
    }

    pub(crate) fn pod(labels: &Value, spec: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"labels": labels}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_matching_pod_gets_a_native_sidecar() {
        let pod = pod(
            &json!({"app": "chat", "flotilla.dev/inject": "enabled"}),
            &json!({"containers": [{"name": "app"}]}),
        );
        let Injection::Patch(patch) = inject(&pod, "apps", &catalog(), &router()) else {
            panic!("not patched")
        };
        let mut document = serde_json::to_value(&pod).unwrap();
        json_patch::patch(&mut document, &patch).unwrap();
        insta::assert_json_snapshot!("injected-pod", document);
        let injected: Pod = serde_json::from_value(document).unwrap();
        assert_eq!(inject(&injected, "apps", &catalog(), &router()), Injection::Unchanged, "injected twice");
    }

    #[test]
    fn the_application_never_gets_the_token() {
        let pod = pod(
            &json!({"app": "chat", "flotilla.dev/inject": "enabled"}),
            &json!({"containers": [{"name": "app", "volumeMounts": [{"name": TOKEN_VOLUME, "mountPath": "/x"}]}], "volumes": [{"name": TOKEN_VOLUME}]}),
        );
        assert!(matches!(inject(&pod, "apps", &catalog(), &router()), Injection::Warn(_)));
    }

    #[test]
    fn a_pod_in_which_a_router_would_be_in_the_way_gets_none_and_is_told_why() {
        let with = |ports: Value| json!({"containers": [{"name": "app"}, {"name": "other", "ports": ports}]});
        for (spec, told) in [
            (json!({"containers": [{"name": "app"}], "hostNetwork": true}), Some("hostNetwork")),
            (json!({"containers": [{"name": "app"}], "hostNetwork": false}), None),
            (
                with(json!([{"containerPort": 8080}, {"containerPort": 8089}])),
                Some("other declares containerPort 8089"),
            ),
            (with(json!([{"containerPort": 8090, "protocol": "TCP"}])), Some("containerPort 8090")),
            (with(json!([{"containerPort": 8090, "protocol": "UDP"}])), None),
            (with(json!([{"containerPort": 8091, "hostPort": 8090}])), None),
            (
                json!({"containers": [{"name": "app"}], "initContainers": [
                    {"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 8089}]},
                ]}),
                Some("proxy declares"),
            ),
        ] {
            let pod = pod(&json!({"app": "chat", "flotilla.dev/inject": "enabled"}), &spec);
            match (inject(&pod, "apps", &catalog(), &router()), told) {
                (Injection::Warn(warning), Some(told)) => assert!(warning.contains(told), "{warning}"),
                (Injection::Patch(_), None) => {}
                (other, _) => panic!("{spec}: {other:?}"),
            }
        }
    }

    #[test]
    fn others_are_left_alone() {
        let spec = json!({"containers": [{"name": "app"}]});
        let decide =
            |labels: Value, namespace: &str| inject(&pod(&labels, &spec), namespace, &catalog(), &router());
        assert_eq!(decide(json!({"app": "chat"}), "apps"), Injection::Unchanged);
        assert!(matches!(
            decide(json!({"app": "other", "flotilla.dev/inject": "enabled"}), "apps"),
            Injection::Warn(_)
        ));
        assert!(matches!(
            decide(json!({"app": "chat", "flotilla.dev/inject": "enabled"}), "elsewhere"),
            Injection::Warn(_)
        ));
        let gateway =
            json!({"app": "chat", "flotilla.dev/inject": "enabled", "flotilla.dev/gateway": "split"});
        assert_eq!(decide(gateway, "apps"), Injection::Unchanged);
    }
}
