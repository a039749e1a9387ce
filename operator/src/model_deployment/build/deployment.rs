//! The Deployment: pods on nodes whose cards are large enough.

use super::gpus::{Gpus, gpus};
use super::hold::holder;
use super::{child_labels, child_meta, engine::launch, model, selector, template};
use crate::decide::placement::Mode;
use crate::model_deployment::failure::ENGINE_CONTAINER;
use crate::model_deployment::validate::Valid;
use flotilla_crds::labels;
use flotilla_crds::model_deployment::SecretName;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, LifecycleHandler,
    LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecurityContext, SleepAction, Toleration,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

/// How long a model may take to load: 30 minutes at one probe a second.
const STARTUP_PROBES: i32 = 1800;
/// Given to the engine after its drain to end by itself.
const STOP_SECONDS: i64 = 15;

pub(super) fn deployment(valid: &Valid<'_>, mode: &Mode) -> Deployment {
    let mut metadata = child_meta(valid);
    let template = pod_template(valid, mode);
    metadata.annotations = Some(template::annotations(valid, mode));
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas: Some(valid.object.spec.replicas),
            selector: LabelSelector { match_labels: Some(selector(valid.name)), ..LabelSelector::default() },
            // Without a free GPU a surge pod would wait for ever: let one old pod go for it.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(1)),
                }),
            }),
            revision_history_limit: Some(3),
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn pod_template(valid: &Valid<'_>, mode: &Mode) -> PodTemplateSpec {
    let placement = valid.object.spec.placement.clone().unwrap_or_default();
    let Gpus { limits, claims, pod_claims, affinity } = gpus(valid, mode);
    let requests = BTreeMap::from([("cpu".to_owned(), Quantity("100m".to_owned()))]);
    let resources = ResourceRequirements { requests: Some(requests), limits, claims };
    let drain_seconds = i64::try_from(valid.drain.as_secs()).unwrap_or(i64::MAX - STOP_SECONDS);
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(child_labels(valid.name)), ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            init_containers: some(before_the_engine(valid)),
            containers: vec![container(valid, drain_seconds, resources)],
            image_pull_secrets: pull_secrets(valid),
            volumes: some(valid.assets().filter_map(model::volume)),
            affinity: Some(affinity),
            resource_claims: pod_claims,
            node_selector: (!placement.node_selector.is_empty()).then_some(placement.node_selector),
            tolerations: Some(tolerations(placement.tolerations)),
            priority_class_name: placement.priority_class_name,
            termination_grace_period_seconds: Some(drain_seconds + STOP_SECONDS),
            // An engine has no business with the API server, nor with other Services' names in its environment.
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(65_532),
                run_as_group: Some(65_532),
                fs_group: Some(65_532),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }),
    }
}

/// What fetches, and what holds from then on. The holder comes second: a fetcher locks what it brings itself, and says
/// best what is wrong with its image or the cache.
fn before_the_engine(valid: &Valid<'_>) -> impl Iterator<Item = Container> {
    let mut fetchers = valid.assets().filter_map(model::fetcher);
    fetchers.next().into_iter().chain(holder(valid.assets())).chain(fetchers)
}

/// A list, or none if it would be empty.
fn some<T>(all: impl Iterator<Item = T>) -> Option<Vec<T>> {
    Some(all.collect()).filter(|all: &Vec<T>| !all.is_empty())
}

/// For the engine's image, and for the volume that is the model's image.
fn pull_secrets(valid: &Valid<'_>) -> Option<Vec<LocalObjectReference>> {
    let names = &valid.object.spec.model.pull_secrets;
    let reference = |secret: &SecretName| LocalObjectReference { name: secret.name.clone() };
    (!names.is_empty()).then(|| names.iter().map(reference).collect())
}

fn container(valid: &Valid<'_>, drain_seconds: i64, resources: ResourceRequirements) -> Container {
    let launch = launch(valid);
    let probe = |period_seconds, failure_threshold| Probe {
        http_get: Some(HTTPGetAction {
            path: Some(launch.health_path.clone()),
            port: IntOrString::String("http".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    };
    let env = &valid.object.spec.engine.env;
    Container {
        name: ENGINE_CONTAINER.to_owned(),
        image: Some(valid.image.to_owned()),
        command: launch.command.clone(),
        args: Some(launch.args.clone()),
        env: (!env.is_empty()).then(|| {
            env.iter()
                .map(|var| EnvVar {
                    name: var.name.clone(),
                    value: Some(var.value.clone()),
                    ..EnvVar::default()
                })
                .collect()
        }),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: launch.port,
            ..ContainerPort::default()
        }]),
        resources: Some(resources),
        startup_probe: Some(probe(1, STARTUP_PROBES)),
        readiness_probe: Some(probe(2, 3)),
        liveness_probe: Some(probe(10, 6)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: drain_seconds }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        // The end of an engine's log becomes the reason in the conditions.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: some(valid.assets().map(model::mount)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// GPU nodes are commonly tainted with the resource's name.
fn tolerations(given: Vec<flotilla_crds::model_deployment::Toleration>) -> Vec<Toleration> {
    let gpu = Toleration {
        key: Some(labels::GPU_RESOURCE.to_owned()),
        operator: Some("Exists".to_owned()),
        ..Toleration::default()
    };
    let given = given.into_iter().map(|t| Toleration {
        key: t.key,
        operator: t.operator,
        value: t.value,
        effect: t.effect,
        ..Toleration::default()
    });
    std::iter::once(gpu).chain(given).collect()
}
