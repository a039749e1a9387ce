//! From an empty cluster to a running fleet.

use super::{Cluster, NAMESPACE};
use crate::bed::{REGISTRY, repository};
use crate::command;
use crate::error::Result;
use crate::progress::Step;

/// Installs the chart.
pub(super) fn install(cluster: &Cluster) -> Result<()> {
    let step = Step::start("install Flotilla with Helm");
    let chart = repository().join("charts/flotilla").display().to_string();
    let crds = format!("{chart}/crds");
    // Helm installs definitions once and never upgrades them.
    command::output(&mut cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", &crds]))?;
    let registry = format!("registry={}", cluster.registry);
    let engine = format!("engines.llamaCpp.image={}/flotilla/engine-llamacpp:dev", cluster.registry);
    let args = ["upgrade", "--install", "flotilla", &chart, "--namespace", "flotilla", "--create-namespace"];
    let mut helm = cluster.helm(args);
    // The bed's registry has no TLS, and the operator reads the heads of model files from it.
    let plain = format!("modelFiles.plainHTTPRegistries={{{}}}", cluster.registry);
    let plain = (cluster.registry == REGISTRY).then_some(plain.as_str());
    let values = [registry.as_str(), "tag=dev", "operator.replicas=2", engine.as_str()];
    for value in values.into_iter().chain(plain) {
        helm.args(["--set-string", value]);
    }
    command::output(helm.args(["--wait", "--timeout", "120s"]))?;
    step.done();
    Ok(())
}

/// Applies the objects and waits until they serve.
pub(super) fn apply(cluster: &Cluster) -> Result<()> {
    let step = Step::start("start from an empty namespace");
    let delete = ["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s"];
    command::output(&mut cluster.kubectl(delete))?;
    step.done();

    let step =
        Step::start("kubectl apply: 7 ModelDeployments, 1 RoutingPolicy, a stand-in for the external API");
    cluster.apply(include_str!("objects.yaml"))?;
    step.done();

    let step = Step::start("engines load their models");
    for model in ["smollm2-135m", "custom-14gi", "custom-20gi"] {
        cluster.wait(&format!("modeldeployments.flotilla.dev/{model}"), "condition=Ready")?;
    }
    cluster.wait("deployment/provider", "condition=Available")?;
    step.done();

    let step = Step::start("an application pod gets its router");
    cluster.apply(include_str!("application.yaml"))?;
    cluster.wait("pod/chat", "condition=Ready")?;
    cluster.wait("deployment/assistant-gateway", "condition=Available")?;
    cluster.wait("routingpolicies.flotilla.dev/assistant", "condition=Programmed")?;
    step.done();
    Ok(())
}
