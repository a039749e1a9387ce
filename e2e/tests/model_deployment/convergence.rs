//! Edits, scaling and deletion converge.

use super::objects::{
    SOON, apply, arguments, assert_answers, chat, get, pods_are, serving, tiny, wait, with_flotilla,
};
use flotilla_crds::ModelDeployment;
use flotilla_e2e::command::output;
use flotilla_e2e::harness::wait_until;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

#[tokio::test]
async fn kubectl_scale_up_and_down_converges() {
    with_flotilla("kubectl_scale", async |cluster, namespace| {
        apply(&namespace, &tiny("scaled")).await?;
        serving(&namespace, "scaled").await?;
        for (replicas, reason) in [("3", "Serving"), ("1", "Serving"), ("0", "ScaledToZero")] {
            let count = format!("--replicas={replicas}");
            output(&mut cluster.kubectl(["scale", "mdep", "scaled", &count, "-n", &namespace.name])?)?;
            wait(&namespace, "scaled", "Ready", "True", reason).await?;
            pods_are(&namespace, "scaled", replicas.parse().unwrap()).await?;
        }
        let scale = [
            "get",
            "mdep",
            "scaled",
            "--subresource=scale",
            "-n",
            &namespace.name,
            "-o",
            "jsonpath={.status.selector}",
        ];
        let selector = output(&mut cluster.kubectl(scale)?)?;
        assert_eq!(selector, "flotilla.dev/model-deployment=scaled", "what an autoscaler reads");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn another_context_restarts_the_engine_with_other_flags() {
    with_flotilla("edit_context", async |_, namespace| {
        let mut object = tiny("edited");
        apply(&namespace, &object).await?;
        let before = serving(&namespace, "edited").await?;
        let old = pods_are(&namespace, "edited", 1).await?.remove(0);

        object["spec"]["context"] = json!({"maxTokens": 8192, "parallelSequences": 4, "kvCacheType": "Q8_0"});
        apply(&namespace, &object).await?;
        // Until the Deployment has followed, what it says is of the old replica.
        wait(&namespace, "edited", "Reconciling", "False", "UpToDate").await?;
        let after = serving(&namespace, "edited").await?;
        let new = pods_are(&namespace, "edited", 1).await?.remove(0);
        assert_ne!(old.uid(), new.uid());
        let flags = arguments(&new);
        for bound in ["--ctx-size 32768", "--parallel 4", "--cache-type-k q8_0", "--cache-type-v q8_0"] {
            assert!(flags.contains(bound), "{bound} is missing from {flags}");
        }
        let cache =
            |object: &ModelDeployment| object.status.clone().unwrap().memory.unwrap().kv_cache.unwrap();
        assert_ne!(cache(&before), cache(&after), "the estimate follows");
        assert_answers(&chat(&namespace, "edited").await?);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_change_of_nothing_but_replicas_or_labels_restarts_nothing() {
    with_flotilla("no_restart", async |cluster, namespace| {
        apply(&namespace, &tiny("steady")).await?;
        serving(&namespace, "steady").await?;
        let before = pods_are(&namespace, "steady", 1).await?.remove(0);
        output(&mut cluster.kubectl(["label", "mdep", "steady", "team=a", "-n", &namespace.name])?)?;
        output(&mut cluster.kubectl(["scale", "mdep", "steady", "--replicas=2", "-n", &namespace.name])?)?;
        serving(&namespace, "steady").await?;
        let after = pods_are(&namespace, "steady", 2).await?;
        assert!(after.iter().any(|pod| pod.uid() == before.uid()), "the first pod was replaced");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn deletion_leaves_nothing() {
    with_flotilla("deletion", async |_, namespace| {
        apply(&namespace, &tiny("gone")).await?;
        serving(&namespace, "gone").await?;
        let api: Api<ModelDeployment> = namespace.api();
        api.delete("gone", &DeleteParams::default()).await.unwrap();
        wait_until("everything of gone to go", SOON, async || {
            let all = ListParams::default();
            let error = |error: kube::Error| error.to_string();
            let mut left: Vec<String> = Vec::new();
            left.extend(names(&namespace.api::<Deployment>().list(&all).await.map_err(error)?));
            left.extend(names(&namespace.api::<ReplicaSet>().list(&all).await.map_err(error)?));
            left.extend(names(&namespace.api::<Service>().list(&all).await.map_err(error)?));
            left.extend(names(&namespace.api::<Pod>().list(&all).await.map_err(error)?));
            if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
        })
        .await?;
        // And the name is free for another.
        apply(&namespace, &tiny("gone")).await?;
        serving(&namespace, "gone").await?;
        assert_eq!(get(&namespace, "gone").await?.metadata.generation, Some(1));
        Ok(())
    })
    .await;
}

fn names<K: kube::Resource<DynamicType = ()> + Clone>(list: &kube::api::ObjectList<K>) -> Vec<String> {
    list.items.iter().map(|object| format!("{} {}", K::kind(&()), object.name_any())).collect()
}
