//! The shared gateway of a policy: a Deployment of routers and a Service.

use super::ObjectKey;
use crate::webhook::router_container::{Exposure, RouterPod, container, volumes};
use flotilla_crds::{RoutingPolicy, labels};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Resource as _;
use std::collections::BTreeMap;

/// The port of the gateway's Service.
const SERVICE_PORT: i32 = 80;
/// How long a stopping gateway goes on taking requests while it is not ready, so that it has left every endpoint list by
/// then.
const LEAVE_SECONDS: i64 = 5;
/// How long it may then finish its streams.
const DRAIN_SECONDS: i64 = 120;
/// Given to the process to end after that.
const STOP_SECONDS: i64 = 5;

/// The children of a policy that has a gateway.
#[derive(Debug)]
pub struct Gateway {
    /// Its address.
    pub service: Service,
    /// Its routers.
    pub deployment: Deployment,
}

/// The name of both children.
pub fn gateway_name(policy: &str) -> String {
    format!("{policy}-gateway")
}

/// The base URL that applications use.
pub fn endpoint(key: &ObjectKey) -> String {
    format!("http://{}.{}.svc/v1", gateway_name(&key.name), key.namespace)
}

/// Renders the gateway, if the policy asks for one.
pub fn build(policy: &RoutingPolicy, router: &RouterPod) -> Option<Gateway> {
    let spec = policy.spec.gateway.as_ref()?;
    let key = ObjectKey::of(policy);
    let selector = BTreeMap::from([(labels::GATEWAY.to_owned(), key.name.clone())]);
    let mut all_labels = selector.clone();
    all_labels.insert(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned());
    all_labels.insert(labels::COMPONENT.to_owned(), "gateway".to_owned());
    let metadata = ObjectMeta {
        name: Some(gateway_name(&key.name)),
        namespace: Some(key.namespace),
        labels: Some(all_labels.clone()),
        owner_references: policy.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let service = Service {
        metadata: metadata.clone(),
        spec: Some(ServiceSpec {
            selector: Some(selector.clone()),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: SERVICE_PORT,
                target_port: Some(IntOrString::String("openai".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    };
    let deployment = Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas: Some(spec.replicas),
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            revision_history_limit: Some(3),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(all_labels), ..ObjectMeta::default() }),
                spec: Some(PodSpec {
                    containers: vec![gateway_container(router)],
                    volumes: Some(volumes()),
                    automount_service_account_token: Some(false),
                    enable_service_links: Some(false),
                    termination_grace_period_seconds: Some(LEAVE_SECONDS + DRAIN_SECONDS + STOP_SECONDS),
                    ..PodSpec::default()
                }),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    };
    Some(Gateway { service, deployment })
}

fn gateway_container(router: &RouterPod) -> Container {
    let mut container = container(router, Exposure::Gateway);
    container.args.get_or_insert_default().extend([
        format!("--drain-delay={LEAVE_SECONDS}"),
        format!("--drain-timeout={}", LEAVE_SECONDS + DRAIN_SECONDS),
    ]);
    container
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_ends_by_itself_before_it_is_killed() {
        let policy = serde_json::from_value(serde_json::json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "RoutingPolicy",
            "metadata": {"name": "chat", "namespace": "team"},
            "spec": {"models": ["m"], "backends": [{"name": "a", "modelDeploymentRef": {"name": "a"}}],
                "default": {"backends": [{"name": "a"}]}, "gateway": {}},
        }));
        let router = RouterPod {
            image: String::new(),
            operator_url: String::new(),
            ca_pem: String::new(),
            spans: None,
        };
        let pod = build(&policy.unwrap(), &router).unwrap().deployment.spec.unwrap().template.spec.unwrap();
        let args = pod.containers[0].args.clone().unwrap();
        let seconds = |flag: &str| {
            let text = args.iter().find_map(|arg| arg.strip_prefix(flag)).unwrap();
            text.parse::<i64>().unwrap()
        };
        let (delay, drain) = (seconds("--drain-delay="), seconds("--drain-timeout="));
        assert!(0 < delay && delay < drain && drain < pod.termination_grace_period_seconds.unwrap());
    }
}
