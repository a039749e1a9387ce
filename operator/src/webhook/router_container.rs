//! The router's container, as a sidecar and in the gateway.

use flotilla_crds::router_config::TOKEN_AUDIENCE;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, ObjectFieldSelector, Probe,
    ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecurityContext,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// The container's name; a pod that has one of that name is left alone.
pub const CONTAINER: &str = "flotilla-router";
/// The volume with the router's own token.
pub const TOKEN_VOLUME: &str = "flotilla-router-token";
const TOKEN_MOUNT: &str = "/var/run/secrets/flotilla.dev";
const TOKEN_SECONDS: i64 = 3600;
/// Where applications find their models.
pub(super) const PORT: i32 = 8089;
/// Health and metrics, for the kubelet and for Prometheus.
pub(super) const ADMIN_PORT: i32 = 8090;

/// What every router is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterPod {
    /// The router's image.
    pub image: String,
    /// The operator's stream: `https://flotilla-operator.NAMESPACE.svc:9443`.
    pub operator_url: String,
    /// The certificate authority of that address, as PEM. Public.
    pub ca_pem: String,
    /// Where routers send spans, if they do.
    pub spans: Option<Spans>,
}

/// The collector of the routers' spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// Its address, to which routers add `/v1/traces`.
    pub endpoint: String,
    /// The share of requests that are sampled where their client says nothing: 0 to 1.
    pub ratio: String,
}

/// Who may reach the router's OpenAI port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// The pod's own containers: loopback only, as an init container that goes on beside them.
    Sidecar,
    /// The cluster.
    Gateway,
}

/// Renders the container.
pub fn container(router: &RouterPod, exposure: Exposure) -> Container {
    let host = match exposure {
        Exposure::Sidecar => "127.0.0.1",
        Exposure::Gateway => "0.0.0.0",
    };
    let args = [
        format!("--listen={host}:{PORT}"),
        format!("--admin-listen=0.0.0.0:{ADMIN_PORT}"),
        format!("--operator={}", router.operator_url),
        format!("--token-file={TOKEN_MOUNT}/token"),
    ];
    let port = |name: &str, number| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        ..ContainerPort::default()
    };
    let mut ports = vec![port("flotilla-admin", ADMIN_PORT)];
    if exposure == Exposure::Gateway {
        ports.push(port("openai", PORT));
    }
    let quantity = |value: &str| Quantity(value.to_owned());
    Container {
        name: CONTAINER.to_owned(),
        image: Some(router.image.clone()),
        args: Some(args.to_vec()),
        env: Some(env(router)),
        ports: Some(ports),
        restart_policy: (exposure == Exposure::Sidecar).then(|| "Always".to_owned()),
        // The application starts once the router has its config: its first request is answered. Ten minutes.
        startup_probe: Some(Probe { failure_threshold: Some(600), ..probe("/readyz", 1) }),
        readiness_probe: Some(probe("/readyz", 5)),
        liveness_probe: Some(probe("/healthz", 10)),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), quantity("10m")),
                ("memory".to_owned(), quantity("32Mi")),
            ])),
            limits: Some(BTreeMap::from([("memory".to_owned(), quantity("256Mi"))])),
            ..ResourceRequirements::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: TOKEN_VOLUME.to_owned(),
            mount_path: TOKEN_MOUNT.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        }]),
        security_context: Some(SecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(65_532),
            run_as_group: Some(65_532),
            read_only_root_filesystem: Some(true),
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn env(router: &RouterPod) -> Vec<EnvVar> {
    let plain = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    };
    let field = |name: &str, path: &str| EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.to_owned(), ..Default::default() }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    };
    let mut env = vec![plain("FLOTILLA_CA_PEM", &router.ca_pem)];
    if let Some(Spans { endpoint, ratio }) = &router.spans {
        env.extend([
            plain("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            plain("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            plain("OTEL_TRACES_SAMPLER_ARG", ratio),
            // In this order: what is put together below stands above.
            field("FLOTILLA_POD_NAMESPACE", "metadata.namespace"),
            field("FLOTILLA_POD_NAME", "metadata.name"),
            plain(
                "OTEL_RESOURCE_ATTRIBUTES",
                "k8s.namespace.name=$(FLOTILLA_POD_NAMESPACE),k8s.pod.name=$(FLOTILLA_POD_NAME)",
            ),
        ]);
    }
    env
}

fn probe(path: &str, period_seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("flotilla-admin".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

/// The volume that only the router mounts: a token that no other service accepts.
pub fn volumes() -> Vec<Volume> {
    vec![Volume {
        name: TOKEN_VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(0o444),
            sources: Some(vec![VolumeProjection {
                service_account_token: Some(ServiceAccountTokenProjection {
                    audience: Some(TOKEN_AUDIENCE.to_owned()),
                    expiration_seconds: Some(TOKEN_SECONDS),
                    path: "token".to_owned(),
                }),
                ..VolumeProjection::default()
            }]),
        }),
        ..Volume::default()
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_hear_of_a_collector_only_where_there_is_one() {
        let mut router = crate::webhook::inject::tests::router();
        let names = |router: &RouterPod| env(router).into_iter().map(|var| var.name).collect::<Vec<_>>();
        assert_eq!(names(&router), ["FLOTILLA_CA_PEM"]);
        router.spans =
            Some(Spans { endpoint: "http://collector.otel:4318".to_owned(), ratio: "0.1".to_owned() });
        let vars = container(&router, Exposure::Gateway).env.unwrap();
        insta::assert_yaml_snapshot!(vars.get(1..));
    }
}
