//! The operator is killed while it works, and restarted while engines run.

use crate::alone;
use crate::routing::{fleet, fleet_serves, inside, policy};
use flotilla_crds::{ModelDeployment, RoutingPolicy, labels};
use flotilla_e2e::bed;
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{
    Cluster, Conditions, HarnessError, INSTALL_NAMESPACE, Release, Result, TestNamespace, condition,
    wait_for, wait_until,
};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Resource, ResourceExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const LEADER: &str = "flotilla.dev/leader=true";
/// A container that is killed again and again is started later each time.
const RECOVERY: Duration = Duration::from_mins(4);

/// Kills the leader's process; a container that is just being restarted has none.
pub async fn kill_leader(cluster: &Cluster) -> Result<()> {
    wait_until("the leader's process to be killed", RECOVERY, async || {
        let leader = leader(cluster).await.map_err(|error| error.to_string())?;
        match bed::kill_in_pod(&leader, "flotilla-operator") {
            Ok(1) => Ok(()),
            Ok(found) => Err(format!("{found} processes in pod {leader}")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// Waits for a leader that is ready and returns its pod's uid.
pub async fn leader(cluster: &Cluster) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), INSTALL_NAMESPACE);
    wait_until("a leader", RECOVERY, async || {
        let list =
            pods.list(&ListParams::default().labels(LEADER)).await.map_err(|error| error.to_string())?;
        let ready = |pod: &&Pod| {
            let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
            pod.metadata.deletion_timestamp.is_none()
                && containers.unwrap_or_default().iter().all(|c| c.ready)
        };
        let found = list.iter().find(ready);
        found
            .and_then(Pod::uid)
            .ok_or_else(|| format!("{} pods are marked and none is ready", list.items.len()))
    })
    .await
}

fn model(name: &str, memory: &str) -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name},
        "spec": {
            "engine": {"type": "Custom", "image": "registry.example/engine:1"}, "model": {"servedName": name},
            "placement": {"gpuMemory": memory}, "replicas": 0,
        },
    })
}

fn gateway(name: &str) -> Value {
    let mut object = policy(name, &[inside()], &json!({"backends": [{"name": "fleet"}]}));
    object["spec"]["models"] = json!([name]);
    object["spec"]["gateway"] = json!({"replicas": 0});
    object
}

/// Children of a kind by name, with the uid of the object that controls each.
async fn owners<K>(namespace: &TestNamespace) -> Result<BTreeMap<String, String>, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let ours = ListParams::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
    let list = namespace.api::<K>().list(&ours).await.map_err(|error| error.to_string())?;
    let owner =
        |object: &K| object.owner_references().first().map(|owner| owner.uid.clone()).unwrap_or_default();
    Ok(list.iter().map(|object| (object.name_any(), owner(object))).collect())
}

/// What the children should be: one of each kind for each object.
async fn expected(namespace: &TestNamespace) -> Result<BTreeMap<String, String>, String> {
    let error = |error: kube::Error| error.to_string();
    let models = namespace.api::<ModelDeployment>().list(&ListParams::default()).await.map_err(error)?;
    let policies = namespace.api::<RoutingPolicy>().list(&ListParams::default()).await.map_err(error)?;
    let stale = models
        .iter()
        .filter(|m| m.observed_generation() != m.metadata.generation)
        .map(ModelDeployment::name_any);
    let stale: Vec<_> = stale
        .chain(
            policies
                .iter()
                .filter(|p| p.observed_generation() != p.metadata.generation)
                .map(RoutingPolicy::name_any),
        )
        .collect();
    if !stale.is_empty() {
        return Err(format!("the status of {stale:?} is of an older generation"));
    }
    let models = models.iter().map(|m| (m.name_any(), m.uid().unwrap_or_default()));
    let gateways =
        policies.iter().map(|p| (format!("{}-gateway", p.name_any()), p.uid().unwrap_or_default()));
    Ok(models.chain(gateways).collect())
}

#[tokio::test]
async fn an_operator_killed_at_work_leaves_nothing_doubled_or_orphaned() {
    alone("operator_killed", async |cluster, namespace| {
        let models: Api<ModelDeployment> = namespace.api();
        for round in 0..3_u64 {
            leader(&cluster).await?;
            for number in 0..6 {
                let name = format!("m{round}{number}");
                namespace.apply(&model(&name, "1Gi").to_string()).await?;
                namespace.apply(&gateway(&format!("p{round}{number}")).to_string()).await?;
                if number == 3 {
                    // One round before the first child, one between children, one after.
                    tokio::time::sleep(Duration::from_millis(round * 15)).await;
                    kill_leader(&cluster).await?;
                }
            }
            // While nobody leads: a deletion, an edit, and an object that is replaced by another of its name.
            namespace.apply(&model(&format!("m{round}0"), "2Gi").to_string()).await?;
            for gone in [format!("m{round}1"), format!("m{round}2")] {
                models
                    .delete(&gone, &DeleteParams::default())
                    .await
                    .map_err(HarnessError::api("delete it"))?;
            }
            namespace.apply(&model(&format!("m{round}2"), "3Gi").to_string()).await?;
        }
        wait_until("every child to be there once", RECOVERY, async || {
            let expected = expected(&namespace).await?;
            for (kind, found) in [
                ("Deployment", owners::<Deployment>(&namespace).await?),
                ("Service", owners::<Service>(&namespace).await?),
            ] {
                if found != expected {
                    return Err(format!("{kind}s: {found:?}\nexpected: {expected:?}"));
                }
            }
            if expected.len() == 33 { Ok(()) } else { Err(format!("{} objects", expected.len())) }
        })
        .await?;
        Release::default().available(&cluster).await
    })
    .await;
}

#[tokio::test]
async fn a_restart_of_the_operator_restarts_no_engine() {
    alone("operator_restart", async |cluster, namespace| {
        fleet(&namespace, 1).await?;
        fleet_serves(&namespace).await?;
        let engines = ListParams::default().labels(labels::MODEL_DEPLOYMENT);
        let states = async || {
            let pods =
                namespace.api::<Pod>().list(&engines).await.map_err(HarnessError::api("list the engines"))?;
            let restarts = |pod: &Pod| {
                pod.status.clone().unwrap_or_default().container_statuses.unwrap_or_default()[0].restart_count
            };
            Ok::<_, HarnessError>(pods.iter().map(|pod| (pod.uid(), restarts(pod))).collect::<Vec<_>>())
        };
        let before = states().await?;
        let generation = async || {
            let live =
                namespace.api::<Deployment>().get("fleet").await.map_err(HarnessError::api("read it"))?;
            Ok::<_, HarnessError>(live.metadata.generation)
        };
        let written = generation().await?;
        let pods = "app.kubernetes.io/component=operator";
        output(&mut cluster.kubectl(["delete", "pods", "-n", INSTALL_NAMESPACE, "-l", pods])?)?;
        Release::default().available(&cluster).await?;
        leader(&cluster).await?;

        // The new leader has seen everything once it has carried out an edit.
        namespace.apply(&model("another", "1Gi").to_string()).await?;
        let ready = condition::<ModelDeployment>("Ready", "True", "ScaledToZero");
        wait_for(&namespace.api(), "another", "be ready", RECOVERY, ready).await?;
        fleet_serves(&namespace).await?;
        assert_eq!(states().await?, before, "an engine was replaced or restarted");
        assert_eq!(generation().await?, written, "the Deployment was written again");
        Ok(())
    })
    .await;
}
