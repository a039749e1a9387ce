//! Claims on folders of the bed's disk, and a model that lies in one.

use crate::hub::{TOKEN, start};
use crate::objects::{START, apply, assert_answers, bare, chat, serving, wait, with_flotilla};
use flotilla_e2e::bed::Paths;
use flotilla_e2e::harness::{Result, TestNamespace, image, wait_for};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

/// Makes a claim of that name on a folder, which nodes share. `kind` says whether it is there. One for each namespace;
/// [`release`] takes it away.
pub async fn claim(namespace: &TestNamespace, name: &str, folder: &str, kind: &str) -> Result<()> {
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace.name}, "spec": {
        "capacity": {"storage": "8Mi"}, "accessModes": ["ReadWriteMany"], "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "", "hostPath": {"path": folder, "type": kind},
        "claimRef": {"namespace": namespace.name, "name": name}}});
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": namespace.name,
        "resources": {"requests": {"storage": "8Mi"}}}});
    for object in [volume, claim] {
        apply(namespace, &object).await?;
    }
    Ok(())
}

/// Deletes what [`claim`] made outside of the namespace.
pub async fn release(namespace: &TestNamespace) {
    let volumes: Api<PersistentVolume> = Api::all(namespace.client.clone());
    volumes.delete(&namespace.name, &DeleteParams::default()).await.unwrap();
}

/// Removes a folder when it is dropped.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_model_that_lies_in_a_volume_serves() {
    with_flotilla("source_volume", async |_, namespace| {
        let folder = Folder(Paths::from_env()?.state.join(&namespace.name));
        claim(&namespace, "weights", &folder.0.display().to_string(), "DirectoryOrCreate").await?;
        // Somebody's own Job brings the file; the fetcher does for one.
        start(&namespace).await?;
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "fill"}, "spec": {"template": {"spec": {
            "restartPolicy": "OnFailure", "automountServiceAccountToken": false,
            "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}],
            "containers": [{"name": "fill", "image": image("flotilla/fetch:dev"),
                "args": ["--source=hf://test/tiny/model.gguf", "--folder=tiny", format!("--endpoint=http://hub.{}.svc", namespace.name)],
                "env": [{"name": "FLOTILLA_TOKEN", "value": TOKEN}],
                "securityContext": {"runAsUser": 0},
                "volumeMounts": [{"name": "weights", "mountPath": "/cache"}]}]}}}});
        apply(&namespace, &job).await?;
        wait_for(&namespace.api(), "fill", "be done", START, |job: &Job| {
            let done = job.status.as_ref().and_then(|status| status.succeeded).unwrap_or(0);
            if done > 0 { Ok(()) } else { Err(format!("{:?}", job.status)) }
        })
        .await?;

        let mut object = bare("volume", "models/tiny:f16");
        object["spec"]["model"] = json!({"source": "pvc://weights/tiny/files/no-such.gguf", "preset": "smollm2-135m", "quantization": "F16"});
        apply(&namespace, &object).await?;
        wait(&namespace, "volume", "ModelLoaded", "False", "ModelFileNotFound").await?;
        object["spec"]["model"]["source"] = json!("pvc://weights/tiny/files/model.gguf");
        apply(&namespace, &object).await?;
        wait(&namespace, "volume", "Sized", "True", "SpecOnly").await?;
        serving(&namespace, "volume").await?;
        assert_answers(&chat(&namespace, "volume").await?);
        release(&namespace).await;
        Ok(())
    })
    .await;
}
