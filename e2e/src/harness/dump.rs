//! What a person needs to see why a test failed.

use super::cluster::Cluster;
use super::error::{HarnessError, Result};
use super::install;
use super::namespace::TestNamespace;
use crate::bed::repository;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Lines of a log that are kept.
const TAIL: i64 = 2000;
const KINDS: &str =
    "modeldeployments,routingpolicies,deployments,replicasets,services,endpointslices,configmaps,pods";

/// Writes pods' logs, events and objects of the namespace and the operator's log to
/// `TARGET/e2e-failures/TEST/`, and returns the folder.
///
/// # Errors
/// If the folder cannot be written; what the API server does not give is left out.
pub(super) async fn dump(cluster: &Cluster, namespace: &TestNamespace, test: &str) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = repository().join(target).join("e2e-failures").join(test);
    // What an earlier run left would only mislead.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(HarnessError::file(&folder))?;
    let name = namespace.name.as_str();
    kubectl(cluster, &folder.join("objects.yaml"), &["get", KINDS, "-n", name, "-o", "yaml"])?;
    kubectl(cluster, &folder.join("objects.txt"), &["get", KINDS, "-n", name, "-o", "wide"])?;
    kubectl(
        cluster,
        &folder.join("events.txt"),
        &["get", "events", "-n", name, "--sort-by=.metadata.creationTimestamp"],
    )?;
    kubectl(cluster, &folder.join("nodes.txt"), &["describe", "nodes"])?;
    logs(&namespace.api(), &folder).await?;
    logs(&Api::namespaced(cluster.client.clone(), install::NAMESPACE), &folder).await?;
    Ok(folder)
}

fn kubectl(cluster: &Cluster, file: &Path, arguments: &[&str]) -> Result<()> {
    let output = cluster.kubectl(arguments.iter().copied())?.output().map_err(HarnessError::file(file))?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    fs::write(file, text).map_err(HarnessError::file(file))
}

/// Every container of every pod, and of its run before the last restart.
async fn logs(pods: &Api<Pod>, folder: &Path) -> Result<()> {
    let Ok(list) = pods.list(&ListParams::default()).await else {
        return Ok(());
    };
    for pod in list {
        let spec = pod.spec.clone().unwrap_or_default();
        let containers = spec.containers.into_iter().chain(spec.init_containers.into_iter().flatten());
        for container in containers {
            for previous in [false, true] {
                let params = LogParams {
                    container: Some(container.name.clone()),
                    previous,
                    tail_lines: Some(TAIL),
                    ..LogParams::default()
                };
                let Ok(text) = pods.logs(&pod.name_any(), &params).await else {
                    continue;
                };
                let before = if previous { ".previous" } else { "" };
                let file = folder.join(format!("{}.{}{before}.log", pod.name_any(), container.name));
                fs::write(&file, text).map_err(HarnessError::file(&file))?;
            }
        }
    }
    Ok(())
}
