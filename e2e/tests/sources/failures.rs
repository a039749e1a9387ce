//! What goes wrong at the source: a clear condition each, and then it serves without anybody starting it again.

use crate::hub::{ACCESS_KEY, downloads, hub_model, script, start};
use crate::objects::{apply, pods_are, serving, wait, with_flotilla};
use flotilla_e2e::harness::TestNamespace;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

/// The kubelet waits up to five minutes before it starts a failed container again; a new pod does not.
async fn start_again(namespace: &TestNamespace, name: &str) {
    for pod in pods_are(namespace, name, 1).await.unwrap() {
        namespace
            .api::<Pod>()
            .delete(&pod.name_any(), &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn refusals_are_told_and_mended_by_what_they_name() {
    with_flotilla("source_refusals", async |_, namespace| {
        start(&namespace).await?;
        let mut wrong = hub_model(&namespace, "token", "model.gguf");
        wrong["spec"]["model"]["credentialsRef"] = json!({"name": "wrong-token"});
        apply(&namespace, &wrong).await?;
        let message = wait(&namespace, "token", "ModelLoaded", "False", "SecretNotFound").await?;
        assert!(message.contains("wrong-token"), "{message}");
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong-token"}, "stringData": {"token": "no"}});
        apply(&namespace, &secret).await?;
        let message = wait(&namespace, "token", "ModelLoaded", "False", "DownloadUnauthorized").await?;
        assert!(message.contains("401") && message.contains("credentialsRef"), "{message}");
        wait(&namespace, "token", "Stalled", "True", "DownloadUnauthorized").await?;

        let mut bucket = hub_model(&namespace, "keys", "model.gguf");
        bucket["spec"]["model"]["source"] = json!("s3://models/model.gguf");
        bucket["spec"]["model"]["credentialsRef"] = json!({"name": "wrong-keys"});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong-keys"},
            "stringData": {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "wr0ng"}});
        for object in [&secret, &bucket] {
            apply(&namespace, object).await?;
        }
        let message = wait(&namespace, "keys", "ModelLoaded", "False", "DownloadUnauthorized").await?;
        assert!(message.contains("403") && !message.contains("X-Amz"), "{message}");

        apply(&namespace, &hub_model(&namespace, "missing", "no-such.gguf")).await?;
        let message = wait(&namespace, "missing", "ModelLoaded", "False", "ModelFileNotFound").await?;
        assert!(message.contains("no-such.gguf") && message.contains("EntryNotFound"), "{message}");

        let mut sum = hub_model(&namespace, "sum", "model.gguf");
        sum["spec"]["model"]["sha256"] = json!("0".repeat(64));
        apply(&namespace, &sum).await?;
        let message = wait(&namespace, "sum", "ModelLoaded", "False", "ChecksumMismatch").await?;
        assert!(message.contains(&"0".repeat(64)), "{message}");

        // An edit mends each.
        for (name, file) in [("token", "model.gguf"), ("missing", "model.gguf"), ("sum", "model.gguf")] {
            apply(&namespace, &hub_model(&namespace, name, file)).await?;
        }
        bucket["spec"]["model"]["credentialsRef"] = json!({"name": "bucket-keys"});
        apply(&namespace, &bucket).await?;
        for name in ["token", "keys", "missing", "sum"] {
            serving(&namespace, name).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_ended() {
    with_flotilla("source_cut", async |_, namespace| {
        start(&namespace).await?;
        script(&namespace, &json!({"faults": [{"cutAfter": 500_000}, {"status": 503}], "repeat": true}))
            .await?;
        apply(&namespace, &hub_model(&namespace, "cut", "model.gguf")).await?;
        let message = wait(&namespace, "cut", "ModelLoaded", "Unknown", "DownloadInterrupted").await?;
        assert!(message.contains("503"), "{message}");
        wait(&namespace, "cut", "Stalled", "False", "NotStalled").await?;
        script(&namespace, &json!({})).await?;
        start_again(&namespace, "cut").await;
        serving(&namespace, "cut").await?;
        let last = downloads(&namespace).await.pop().unwrap();
        assert!(last.range.is_some(), "{last:?}");
        Ok(())
    })
    .await;
}

/// The hub comes after the replica; nobody tells the replica.
#[tokio::test]
async fn a_replica_waits_for_a_source_that_is_away() {
    with_flotilla("source_away", async |_, namespace| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hub-token"}, "stringData": {"token": crate::hub::TOKEN}});
        apply(&namespace, &secret).await?;
        apply(&namespace, &hub_model(&namespace, "early", "model.gguf")).await?;
        pods_are(&namespace, "early", 1).await?;
        start(&namespace).await?;
        serving(&namespace, "early").await?;
        pods_are(&namespace, "early", 1).await?;
        Ok(())
    })
    .await;
}
