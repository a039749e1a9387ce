//! A LoRA adapter is loaded with its model and answers to a name of its own.

use super::objects::{apply, fleet_serves, fleet_with, inside, policy, wait, with_flotilla};
use flotilla_crds::ModelDeployment;
use flotilla_e2e::harness::{App, Ask, HarnessError, Reply, Result, Target, TestNamespace, call, image};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use serde_json::{Value, json};

async fn models(namespace: &TestNamespace) -> Result<Vec<String>> {
    let gateway = Target::Service("shared-gateway".to_owned());
    let text = call(namespace, &gateway, Method::GET, "/v1/models", None).await?;
    let list: Value = serde_json::from_str(&text).unwrap();
    Ok(list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect())
}

#[tokio::test]
async fn an_adapter_answers_to_its_own_name_and_changes_only_its_own_answers() {
    with_flotilla("adapters", async |_, namespace| {
        let adapter = json!({"name": "poet", "source": format!("oci://{}", image("models/tiny-adapter:f16")), "rank": 8});
        fleet_with(&namespace, 1, &json!([adapter])).await?;
        let mut shared = policy("shared", &[inside()], &json!({"backends": [{"name": "fleet"}]}));
        shared["spec"]["gateway"] = json!({"replicas": 1});
        apply(&namespace, &shared).await?;
        fleet_serves(&namespace).await?;
        wait(&namespace, "shared", "Ready", "True", "Programmed").await?;
        let app = App::create(&namespace, "batch", &[("app", "batch")], &format!("http://shared-gateway.{}.svc/v1", namespace.name)).await?;
        app.ready(&namespace).await?;

        assert_eq!(models(&namespace).await?, ["assistant", "assistant:poet"]);
        let ask = async |model: &str| -> Result<Reply> {
            let mut ask = Ask::new(model, "Once upon a time");
            ask.max_tokens = 12;
            let reply = app.ask(&namespace, &ask.times(1)).await?.remove(0);
            assert_eq!(reply.status, 200, "{reply:?}");
            Ok(reply)
        };
        // In turns: what the engine keeps of one's prompt must not be the other's.
        let (prose, poem) = (ask("assistant").await?, ask("assistant:poet").await?);
        assert!(!prose.text.is_empty() && !poem.text.is_empty());
        assert_ne!(prose.text, poem.text, "the adapter changes nothing, or is applied to everything");
        for _ in 0..3 {
            assert_eq!(ask("assistant").await?.text, prose.text);
            assert_eq!(ask("assistant:poet").await?.text, poem.text);
        }

        let unknown = app.ask(&namespace, &Ask::new("assistant:chef", "Hello").times(1)).await?.remove(0);
        assert_eq!((unknown.status, unknown.code.as_deref()), (404, Some("model_not_found")));

        let live = namespace.api::<ModelDeployment>().get("fleet").await.map_err(HarnessError::api("read it"))?;
        assert!(live.status.unwrap().memory.unwrap().adapters.is_some());
        let engines = ListParams::default().labels("flotilla.dev/model-deployment=fleet");
        let pods = namespace.api::<Pod>().list(&engines).await.map_err(HarnessError::api("list pods"))?;
        let mounts = pods.items[0].spec.as_ref().unwrap().containers[0].volume_mounts.clone().unwrap();
        assert!(mounts.iter().any(|mount| mount.mount_path == "/adapters/poet" && mount.read_only == Some(true)));
        Ok(())
    })
    .await;
}
