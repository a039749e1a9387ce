//! What the model file says counts: an object needs no more than a source, and one that says otherwise is told so.

use super::objects::{
    apply, arguments, assert_answers, bare, chat, get, pods_are, serving, smollm2, wait, with_flotilla,
};
use flotilla_crds::model_deployment::MemoryBasis;
use flotilla_e2e::command::output;
use flotilla_e2e::harness::image;
use serde_json::json;

#[tokio::test]
async fn a_source_alone_is_sized_by_its_file_and_serves() {
    with_flotilla("source_alone", async |cluster, namespace| {
        apply(&namespace, &bare("alone", "models/smollm2-135m:q4_1")).await?;
        let status = serving(&namespace, "alone").await?.status.unwrap();
        let message = wait(&namespace, "alone", "Sized", "True", "FileRead").await?;
        assert!(message.contains("head of the model file"), "{message}");
        let memory = status.memory.unwrap();
        assert_eq!(memory.basis, Some(MemoryBasis::File));
        assert_eq!(status.quantization.as_deref(), Some("Q4_1"));
        // 30 layers of 3 KV heads of 64 values, keys and values, 2 bytes each, 1024 tokens.
        assert_eq!(memory.kv_cache.unwrap().0, "23Mi");
        let pod = pods_are(&namespace, "alone", 1).await?.remove(0);
        assert!(arguments(&pod).contains("--ctx-size 1024"), "{}", arguments(&pod));
        assert_answers(&chat(&namespace, "alone").await?);
        let table = output(&mut cluster.kubectl(["get", "mdep", "-n", &namespace.name])?)?;
        assert!(table.contains("Q4_1"), "the quantization is the file's\n{table}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_described_model_and_its_file_lead_to_the_same_need() {
    with_flotilla("file_and_spec", async |_, namespace| {
        apply(&namespace, &smollm2("both")).await?;
        serving(&namespace, "both").await?;
        wait(&namespace, "both", "Sized", "True", "FileRead").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_spec_that_contradicts_its_file_is_told_both_figures_and_serves() {
    with_flotilla("conflict", async |_, namespace| {
        let mut object = bare("conflict", "models/smollm2-135m:q4_1");
        object["spec"]["model"]["preset"] = json!("smollm2-360m");
        object["spec"]["model"]["quantization"] = json!("Q8_0");
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "conflict", "Sized", "False", "SpecContradictsFile").await?;
        for piece in
            ["layers is 32; the file says 30", "quantization is Q8_0; the file says Q4_1", "the file has"]
        {
            assert!(message.contains(piece), "{piece:?} is not in {message:?}");
        }
        let status = serving(&namespace, "conflict").await?.status.unwrap();
        assert_eq!(status.memory.unwrap().basis, Some(MemoryBasis::File), "the file's figures are used");

        // What the message names is mended by saying less.
        apply(&namespace, &bare("conflict", "models/smollm2-135m:q4_1")).await?;
        wait(&namespace, "conflict", "Sized", "True", "FileRead").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_before_any_pod_starts() {
    with_flotilla("file_missing", async |_, namespace| {
        for (name, source, reason, piece) in [
            ("no-image", "models/no-such-model:f16", "ModelImageNotFound", "models/no-such-model"),
            ("no-file", "models/tiny:f16#elsewhere.gguf", "ModelFileNotFound", "it holds model.gguf"),
        ] {
            apply(&namespace, &bare(name, source)).await?;
            let message = wait(&namespace, name, "Ready", "False", reason).await?;
            assert!(message.contains(piece), "{name}: {piece:?} is not in {message:?}");
            wait(&namespace, name, "Stalled", "True", reason).await?;
            pods_are(&namespace, name, 0).await?;
            assert!(get(&namespace, name).await?.status.unwrap().memory.is_none(), "{name} has a figure");
        }
        // A source in a volume is not looked at: the spec counts, and says so.
        let mut volume = smollm2("volume");
        volume["spec"]["model"]["source"] = json!("pvc://weights/model.gguf");
        volume["spec"]["replicas"] = json!(0);
        apply(&namespace, &volume).await?;
        wait(&namespace, "volume", "Sized", "True", "SpecOnly").await?;

        // And an edit mends it.
        apply(&namespace, &bare("no-file", "models/tiny:f16")).await?;
        serving(&namespace, "no-file").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_is_not_there_leaves_the_spec_to_count() {
    with_flotilla("registry_away", async |_, namespace| {
        // Nothing listens on this port of the bed's bridge.
        let host = image("").replace(":5000/", ":5999");
        let source = json!(format!("oci://{host}/models/tiny:f16"));
        let mut silent = bare("silent", "models/tiny:f16");
        silent["spec"]["model"]["source"] = source.clone();
        apply(&namespace, &silent).await?;
        wait(&namespace, "silent", "Ready", "False", "RegistryUnreachable").await?;
        wait(&namespace, "silent", "Stalled", "False", "NotStalled").await?;
        pods_are(&namespace, "silent", 0).await?;

        let mut described = smollm2("described");
        described["spec"]["model"]["source"] = source;
        described["spec"]["replicas"] = json!(0);
        apply(&namespace, &described).await?;
        let message = wait(&namespace, "described", "Sized", "Unknown", "RegistryUnreachable").await?;
        assert!(message.contains("the figures of the spec count"), "{message}");
        Ok(())
    })
    .await;
}
