//! Models on a hub and in a bucket, of which the spec says no more than where they are.

use crate::hub::{bare_hub_model, downloads, start};
use crate::objects::{apply, assert_answers, chat, serving, wait, with_flotilla};
use flotilla_crds::model_deployment::MemoryBasis;
use serde_json::json;

#[tokio::test]
async fn the_head_of_a_file_that_is_not_downloaded_yet_sizes_its_replicas() {
    with_flotilla("source_heads", async |_, namespace| {
        start(&namespace).await?;
        let hub = bare_hub_model(&namespace, "repository", "model.gguf");
        let mut bucket = bare_hub_model(&namespace, "bucket", "model.gguf");
        bucket["spec"]["model"]["source"] = json!("s3://models/model.gguf");
        bucket["spec"]["model"]["credentialsRef"] = json!({"name": "bucket-keys"});
        for (name, object) in [("repository", hub), ("bucket", bucket)] {
            apply(&namespace, &object).await?;
            wait(&namespace, name, "Sized", "True", "FileRead").await?;
            let status = serving(&namespace, name).await?.status.unwrap();
            assert_eq!(status.memory.unwrap().basis, Some(MemoryBasis::File), "{name}");
            assert_eq!(status.quantization.as_deref(), Some("F16"), "{name}");
            assert_answers(&chat(&namespace, name).await?);
        }
        assert_eq!(downloads(&namespace).await.len(), 2, "one for each");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_head_that_may_not_be_read_is_told_and_nothing_is_started() {
    with_flotilla("source_head_denied", async |_, namespace| {
        start(&namespace).await?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong-token"}, "stringData": {"token": "no"}});
        apply(&namespace, &secret).await?;
        let mut object = bare_hub_model(&namespace, "denied", "model.gguf");
        object["spec"]["model"]["credentialsRef"] = json!({"name": "wrong-token"});
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "denied", "Ready", "False", "SourceDenied").await?;
        assert!(message.contains("401"), "{message}");
        assert!(crate::objects::pods(&namespace, "denied").await.unwrap().is_empty());

        let mut inside = bare_hub_model(&namespace, "inside", "model.gguf");
        inside["spec"]["model"]["endpoint"] = json!("https://kubernetes.default.svc");
        apply(&namespace, &inside).await?;
        wait(&namespace, "inside", "Ready", "False", "SourceRefused").await?;

        apply(&namespace, &bare_hub_model(&namespace, "denied", "model.gguf")).await?;
        serving(&namespace, "denied").await?;
        Ok(())
    })
    .await;
}
