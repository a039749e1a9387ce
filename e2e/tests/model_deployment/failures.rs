//! Objects that cannot work say why, in a condition, an event and a word in `kubectl get`, and stop nobody else.

use super::objects::{SOON, apply, serving, tiny, wait, with_flotilla};
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{ENGINE_IMAGE, image, wait_until};
use serde_json::{Value, json};

/// Name, reason, a piece of the message, and what is wrong.
fn broken() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let source = |name: &str| json!({"model": {"source": format!("oci://{}", image(name))}});
    // What is described is started without its file's word, so that the engine and the kubelet say what is wrong.
    let described = |name: &str| {
        let mut spec = source(name);
        spec["model"]["preset"] = json!("smollm2-135m");
        spec["model"]["quantization"] = json!("Q4_1");
        spec
    };
    vec![
        ("preset", "UnknownPreset", "smollm2-135m", json!({"model": {"preset": "smollm-135m"}})),
        (
            "engine-image",
            "EngineImagePullFailed",
            "flotilla/no-such-engine",
            json!({"engine": {"image": image("flotilla/no-such-engine:dev")}}),
        ),
        ("model-image", "ModelPullFailed", "models/no-such-model", described("models/no-such-model:f16")),
        ("missing", "ModelFileNotFound", "elsewhere.gguf", described("models/tiny:f16#elsewhere.gguf")),
        ("truncated", "ModelFileInvalid", "the file is cut off", source("models/truncated:q4_1")),
        (
            "no-model",
            "ModelFileInvalid",
            "the engine says",
            described(&format!("{ENGINE_IMAGE}#usr/local/bin/llama-server")),
        ),
        ("flag", "CrashLooping", "--no-such-flag", json!({"engine": {"args": ["--no-such-flag"]}})),
    ]
}

fn merge(target: &mut Value, patch: &Value) {
    match (&mut *target, patch) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        _ => *target = patch.clone(),
    }
}

#[tokio::test]
async fn broken_objects_say_why_and_stop_nobody() {
    with_flotilla("broken_objects", async |cluster, namespace| {
        for (name, _, _, wrong) in broken() {
            let mut object = tiny(name);
            merge(&mut object["spec"], &wrong);
            apply(&namespace, &object).await?;
        }
        apply(&namespace, &tiny("healthy")).await?;
        serving(&namespace, "healthy").await?;
        for (name, reason, piece, _) in broken() {
            let message = wait(&namespace, name, "Ready", "False", reason).await?;
            assert!(message.contains(piece), "{name}: {piece:?} is not in {message:?}");
            wait(&namespace, name, "Stalled", "True", reason).await?;
            let about = format!("--for=modeldeployment/{name}");
            wait_until(&format!("an event {reason} of {name}"), SOON, async || {
                let mut kubectl =
                    cluster.kubectl(["events", &about, "-n", &namespace.name]).map_err(|e| e.to_string())?;
                let events = output(&mut kubectl).map_err(|e| e.to_string())?;
                if events.contains(reason) { Ok(()) } else { Err(events) }
            })
            .await?;
        }
        serving(&namespace, "healthy").await?;

        // An edit mends each of them; two stand for all.
        for name in ["preset", "missing"] {
            apply(&namespace, &tiny(name)).await?;
            serving(&namespace, name).await?;
        }
        Ok(())
    })
    .await;
}
