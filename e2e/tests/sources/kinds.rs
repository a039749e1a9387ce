//! Each kind of source leads to an engine that answers.

use crate::hub::{downloads, hub_model, start};
use crate::objects::{apply, assert_answers, chat, pods_are, serving, with_flotilla};
use flotilla_e2e::bed::Paths;
use serde_json::json;

#[tokio::test]
async fn a_hub_a_bucket_and_a_folder_of_the_node_serve() {
    with_flotilla("source_kinds", async |_, namespace| {
        start(&namespace).await?;
        let mut bucket = hub_model(&namespace, "bucket", "model.gguf");
        bucket["spec"]["model"]["source"] = json!("s3://models/model.gguf");
        bucket["spec"]["model"]["credentialsRef"] = json!({"name": "bucket-keys"});
        for object in [hub_model(&namespace, "repository", "model.gguf"), bucket] {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            apply(&namespace, &object).await?;
            serving(&namespace, &name).await?;
            assert_answers(&chat(&namespace, &name).await?);
        }
        let paths: Vec<_> = downloads(&namespace).await.into_iter().map(|asked| asked.path).collect();
        assert_eq!(paths.len(), 2, "{paths:?}");

        // What was downloaded lies in a folder of the node, from which another object may take it as it is.
        let pod = pods_are(&namespace, "repository", 1).await?.remove(0);
        let spec = pod.spec.unwrap();
        let folder = spec.volumes.unwrap()[0].host_path.as_ref().unwrap().path.clone();
        assert_eq!(folder, format!("{}/{}", Paths::from_env()?.models().display(), namespace.name));
        let part = spec.containers[0].volume_mounts.as_ref().unwrap()[0].sub_path.clone().unwrap();
        let mut file = hub_model(&namespace, "file", "model.gguf");
        file["spec"]["model"] = json!({"source": format!("file://{folder}/{part}/model.gguf"),
            "preset": "smollm2-135m", "quantization": "F16"});
        apply(&namespace, &file).await?;
        serving(&namespace, "file").await?;
        let refused = json!({"source": "file:///etc/flotilla/model.gguf", "preset": "smollm2-135m", "quantization": "F16"});
        file["metadata"]["name"] = json!("elsewhere");
        file["spec"]["model"] = refused;
        apply(&namespace, &file).await?;
        let message = crate::objects::wait(&namespace, "elsewhere", "Accepted", "False", "InvalidSpec").await?;
        assert!(message.contains("modelFiles.nodeFolders"), "{message}");
        Ok(())
    })
    .await;
}
