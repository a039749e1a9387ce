//! Children: those of others are left alone, ours are kept as they should be.

use super::objects::{SOON, apply, pods_are, serving, tiny, wait, with_flotilla};
use flotilla_e2e::harness::{HarnessError, TestNamespace, wait_for};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

fn foreign(name: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "theirs"}},
            "template": {"metadata": {"labels": {"app": "theirs"}}, "spec": {"containers": [{"name": "c", "image": "theirs:1"}]}},
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn a_deployment_of_somebody_else_is_left_alone() {
    with_flotilla("foreign_deployment", async |_, namespace| {
        let api: Api<Deployment> = namespace.api();
        api.create(&PostParams::default(), &foreign("taken"))
            .await
            .map_err(HarnessError::api("create it"))?;
        apply(&namespace, &tiny("taken")).await?;
        let message = wait(&namespace, "taken", "Ready", "False", "NameTaken").await?;
        assert!(
            message.contains("Deployment taken") && message.contains("delete it or choose another name"),
            "{message}"
        );
        wait(&namespace, "taken", "Accepted", "False", "NameTaken").await?;
        let live = api.get("taken").await.map_err(HarnessError::api("read it"))?;
        assert!(live.owner_references().is_empty(), "it was adopted");
        assert_eq!(
            live.spec.unwrap().template.spec.unwrap().containers[0].image.as_deref(),
            Some("theirs:1")
        );

        api.delete("taken", &DeleteParams::default()).await.map_err(HarnessError::api("delete it"))?;
        serving(&namespace, "taken").await?;
        Ok(())
    })
    .await;
}

async fn edit<K>(namespace: &TestNamespace, name: &str, change: &Value)
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    namespace.api::<K>().patch(name, &params, &Patch::Strategic(change)).await.unwrap();
}

#[tokio::test]
async fn edited_and_deleted_children_are_repaired() {
    with_flotilla("repaired_children", async |_, namespace| {
        apply(&namespace, &tiny("kept")).await?;
        serving(&namespace, "kept").await?;
        let api: Api<Deployment> = namespace.api();
        let ours = api.get("kept").await.map_err(HarnessError::api("read it"))?;
        let spec = |deployment: &Deployment| deployment.spec.clone().unwrap();

        edit::<Deployment>(&namespace, "kept", &json!({"spec": {"replicas": 3}})).await;
        wait_for(&api, "kept", "have one replica again", SOON, |live: &Deployment| {
            if spec(live).replicas == Some(1) { Ok(()) } else { Err(format!("{:?}", spec(live).replicas)) }
        })
        .await?;

        let container = json!({"name": "engine", "image": "theirs:1", "args": ["--other"]});
        edit::<Deployment>(
            &namespace,
            "kept",
            &json!({"spec": {"template": {"spec": {"containers": [container]}}}}),
        )
        .await;
        wait_for(&api, "kept", "have its template again", SOON, |live: &Deployment| {
            if spec(live).template == spec(&ours).template {
                Ok(())
            } else {
                Err(format!("{:?}", spec(live).template))
            }
        })
        .await?;

        api.delete("kept", &DeleteParams::default()).await.map_err(HarnessError::api("delete it"))?;
        wait_for(&api, "kept", "be made anew", SOON, |live: &Deployment| {
            if live.uid() == ours.uid() { Err("it is the old one".to_owned()) } else { Ok(()) }
        })
        .await?;
        namespace
            .api::<Service>()
            .delete("kept", &DeleteParams::default())
            .await
            .map_err(HarnessError::api("delete it"))?;
        wait_for(&namespace.api::<Service>(), "kept", "be made anew", SOON, |_: &Service| Ok(())).await?;
        serving(&namespace, "kept").await?;
        pods_are(&namespace, "kept", 1).await?;
        Ok(())
    })
    .await;
}
