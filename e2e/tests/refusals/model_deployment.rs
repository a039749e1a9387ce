//! Rows for `ModelDeployment`.

use super::{Row, refused, taken};
use serde_json::{Value, json};

pub const LLAMA: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: llama}
spec:
  model: {source: 'oci://registry.example:5000/models/llama:q4', preset: llama-3.2-3b, quantization: Q4_K_M}
  context: {maxTokens: 8192, parallelSequences: 4, kvCacheType: Q8_0}
";

pub const CUSTOM: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: tiny}
spec:
  model: {servedName: tiny}
  engine: {type: Custom, image: 'registry.example/engine:1'}
  placement: {gpuMemory: 14Gi}
  replicas: 0
";

/// A model that no preset describes.
fn architecture(changes: &Value) -> Value {
    let mut shape = json!({"family": "Llama", "layers": 32, "hiddenSize": 4096, "feedForwardSize": 14336,
        "heads": 32, "kvHeads": 8, "vocabSize": 128_256});
    super::merge(&mut shape, changes);
    json!({"spec": {"model": {"preset": null, "architecture": shape}}})
}

fn source(source: &str) -> Value {
    json!({"spec": {"model": {"source": source}}})
}

fn named(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

fn args(args: &[&str]) -> Value {
    json!({"spec": {"engine": {"args": args}}})
}

fn gpu_memory(memory: impl Into<Value>) -> Value {
    json!({"spec": {"placement": {"gpuMemory": memory.into()}}})
}

fn drain(timeout: &str) -> Value {
    json!({"spec": {"rollout": {"drainTimeout": timeout}}})
}

pub fn rows() -> Vec<Row> {
    [what_is_said_of_the_model(), engine(), sizes()].into_iter().flatten().collect()
}

fn what_is_said_of_the_model() -> Vec<Row> {
    let both = json!({"spec": {"model": {"preset": "llama-3.2-3b"}}});
    let mut preset_and_architecture = architecture(&json!({}));
    super::merge(&mut preset_and_architecture, &both);
    vec![
        taken(LLAMA, "the base", json!({})),
        taken(LLAMA, "the longest name", named(&format!("a{}", "b".repeat(51)))),
        refused(
            LLAMA,
            "a name too long",
            named(&format!("a{}", "b".repeat(52))),
            "use at most 52 lower-case letters",
        ),
        refused(LLAMA, "a name with a dot", named("a.b"), "metadata.name becomes the name of a Service"),
        refused(LLAMA, "a name that starts with a digit", named("1b"), "starting with a letter"),
        refused(
            LLAMA,
            "no source",
            json!({"spec": {"model": {"source": null}}}),
            "set spec.model.source, for example",
        ),
        refused(LLAMA, "no model", json!({"spec": {"model": null}}), "spec.model: Required value"),
        taken(
            LLAMA,
            "a digest and a file",
            source(&format!("oci://r.example/m@sha256:{}#a/b.gguf", "0".repeat(64))),
        ),
        taken(LLAMA, "a volume", source("pvc://weights/llama/model.gguf")),
        refused(
            LLAMA,
            "a source not supported",
            source("ftp://host/file.gguf"),
            "must be oci://REGISTRY/REPOSITORY:TAG#FILE",
        ),
        refused(
            LLAMA,
            "an image without a tag",
            source("oci://registry.example/models/llama"),
            "must be oci://",
        ),
        refused(LLAMA, "a claim without a path", source("pvc://weights"), "pvc://CLAIM/PATH"),
        taken(LLAMA, "dots in a file name", source("pvc://weights/a..b.gguf")),
        refused(LLAMA, "out of the volume", source("pvc://weights/../secret"), "must not contain '..'"),
        refused(LLAMA, "out of the image", source("oci://r.example/m:1#../secret"), "must not contain '..'"),
        refused(LLAMA, "up at the end", source("pvc://weights/a/.."), "must not contain '..'"),
        refused(
            LLAMA,
            "a source too long",
            source(&format!("pvc://weights/{}", "a".repeat(1100))),
            "may not be more than 1024",
        ),
        taken(LLAMA, "an architecture", architecture(&json!({}))),
        refused(
            LLAMA,
            "a preset and an architecture",
            preset_and_architecture,
            "both describe the model: set one",
        ),
        taken(
            LLAMA,
            "a source that says the rest",
            json!({"spec": {"model": {"preset": null, "quantization": null}}}),
        ),
        refused(
            LLAMA,
            "neither of them, in a volume",
            json!({"spec": {"model": {"source": "pvc://weights/m.gguf", "preset": null}}}),
            "either spec.model.preset or spec.model.architecture",
        ),
        refused(
            LLAMA,
            "no quantization, in a volume",
            json!({"spec": {"model": {"source": "pvc://weights/m.gguf", "quantization": null}}}),
            "set spec.model.quantization",
        ),
        taken(LLAMA, "a volume with both", source("pvc://weights/m.gguf")),
        taken(
            LLAMA,
            "pull secrets",
            json!({"spec": {"model": {"pullSecrets": [{"name": "a"}, {"name": "b"}]}}}),
        ),
        refused(
            LLAMA,
            "a pull secret twice",
            json!({"spec": {"model": {"pullSecrets": [{"name": "a"}, {"name": "a"}]}}}),
            "Duplicate value",
        ),
        refused(
            LLAMA,
            "a pull secret without a name",
            json!({"spec": {"model": {"pullSecrets": [{"name": ""}]}}}),
            "spec.model.pullSecrets[0].name",
        ),
        taken(
            LLAMA,
            "a declared need instead",
            json!({"spec": {"model": {"preset": null, "quantization": null}, "placement": {"gpuMemory": "6Gi"}}}),
        ),
        refused(
            LLAMA,
            "an unknown quantization",
            json!({"spec": {"model": {"quantization": "Q4"}}}),
            r#"supported values: "F32""#,
        ),
        refused(
            LLAMA,
            "a served name with a blank",
            json!({"spec": {"model": {"servedName": "my model"}}}),
            "spec.model.servedName",
        ),
        refused(
            LLAMA,
            "KV heads that do not divide",
            architecture(&json!({"kvHeads": 5})),
            "kvHeads must divide heads",
        ),
        refused(
            LLAMA,
            "heads that do not divide",
            architecture(&json!({"heads": 24})),
            "heads does not divide hiddenSize: set headDim",
        ),
        taken(
            LLAMA,
            "heads that do not divide, with their size",
            architecture(&json!({"heads": 24, "headDim": 128})),
        ),
        taken(
            LLAMA,
            "experts in every layer",
            architecture(&json!({"feedForwardSize": 0, "experts": {"count": 8, "used": 2, "size": 14336}})),
        ),
        refused(
            LLAMA,
            "no feed-forward layer at all",
            architecture(&json!({"feedForwardSize": 0})),
            "or 0 where every layer has experts",
        ),
        refused(
            LLAMA,
            "more experts used than there are",
            architecture(&json!({"experts": {"count": 2, "used": 8, "size": 14336}})),
            "a token cannot use more experts than there are",
        ),
        taken(
            LLAMA,
            "a sliding window",
            architecture(&json!({"slidingWindow": {"tokens": 512, "fullEvery": 6, "fullOffset": 5}})),
        ),
        refused(
            LLAMA,
            "an offset outside of its period",
            architecture(&json!({"slidingWindow": {"tokens": 512, "fullEvery": 6, "fullOffset": 6}})),
            "fullOffset counts within fullEvery layers",
        ),
        taken(
            LLAMA,
            "latent attention",
            architecture(
                &json!({"latentAttention": {"kvRank": 512, "nopeDim": 128, "ropeDim": 64, "valueDim": 128}}),
            ),
        ),
        refused(
            LLAMA,
            "latent attention without its rank",
            architecture(&json!({"latentAttention": {"nopeDim": 128, "ropeDim": 64, "valueDim": 128}})),
            "latentAttention.kvRank: Required value",
        ),
        taken(LLAMA, "another family", architecture(&json!({"family": "Plain"}))),
        refused(
            LLAMA,
            "an unknown family",
            architecture(&json!({"family": "Mamba"})),
            r#"supported values: "Llama""#,
        ),
    ]
}

fn engine() -> Vec<Row> {
    let engine = |engine: Value| json!({"spec": {"engine": engine}});
    vec![
        taken(CUSTOM, "the base", json!({})),
        refused(
            CUSTOM,
            "no declared need",
            json!({"spec": {"placement": null}}),
            "set spec.placement.gpuMemory, for example 14Gi",
        ),
        refused(CUSTOM, "no image", engine(json!({"image": null})), "set spec.engine.image"),
        refused(CUSTOM, "an image with a blank", engine(json!({"image": "a b"})), "spec.engine.image"),
        refused(
            CUSTOM,
            "a context",
            json!({"spec": {"context": {"maxTokens": 4096}}}),
            "set the context in spec.engine.args",
        ),
        taken(
            CUSTOM,
            "a command, a port and a path",
            engine(json!({"command": ["serve"], "port": 9000, "healthPath": "/ok"})),
        ),
        taken(CUSTOM, "any flag", args(&["--ctx-size", "4096"])),
        refused(LLAMA, "a port", engine(json!({"port": 9000})), "are for engine Custom"),
        refused(LLAMA, "a command", engine(json!({"command": ["serve"]})), "are for engine Custom"),
        refused(LLAMA, "a health path", engine(json!({"healthPath": "/ok"})), "are for engine Custom"),
        refused(
            CUSTOM,
            "a port that is none",
            engine(json!({"port": 70_000})),
            "less than or equal to 65535",
        ),
        refused(
            CUSTOM,
            "a path without a slash",
            engine(json!({"healthPath": "ok"})),
            "spec.engine.healthPath",
        ),
        refused(
            CUSTOM,
            "an unknown engine",
            engine(json!({"type": "VLLM"})),
            r#"supported values: "LlamaCpp", "Custom""#,
        ),
        taken(LLAMA, "another flag", args(&["--threads", "2", "--cont-batching"])),
        refused(
            LLAMA,
            "a derived flag",
            args(&["--ctx-size", "131072"]),
            "use spec.model, spec.context and spec.placement instead",
        ),
        refused(LLAMA, "its short form", args(&["-np", "64"]), "repeats a flag that Flotilla derives"),
        refused(
            LLAMA,
            "with an equals sign",
            args(&["--threads=2", "--parallel=64"]),
            "repeats a flag that Flotilla derives",
        ),
        refused(
            CUSTOM,
            "a variable set twice",
            engine(json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]})),
            "Duplicate value",
        ),
        refused(
            CUSTOM,
            "a variable without a name",
            engine(json!({"env": [{"name": "A=B", "value": "1"}]})),
            "spec.engine.env[0].name",
        ),
    ]
}

fn sizes() -> Vec<Row> {
    let context = |context: Value| json!({"spec": {"context": context}});
    vec![
        taken(LLAMA, "the largest context", context(json!({"maxTokens": 1_048_576, "parallelSequences": 4}))),
        refused(
            LLAMA,
            "more than that",
            context(json!({"maxTokens": 1_048_576, "parallelSequences": 5})),
            "is more than 4194304 tokens: lower one of them",
        ),
        refused(
            LLAMA,
            "more by default",
            context(json!({"maxTokens": 1_048_576, "parallelSequences": 256})),
            "lower one of them",
        ),
        refused(
            LLAMA,
            "no context to speak of",
            context(json!({"maxTokens": 16})),
            "greater than or equal to 256",
        ),
        refused(
            LLAMA,
            "an unknown KV type",
            context(json!({"kvCacheType": "FP8"})),
            r#"supported values: "F16""#,
        ),
        taken(CUSTOM, "a number of bytes", gpu_memory(1_073_741_824)),
        taken(CUSTOM, "a decimal unit", gpu_memory("14.5G")),
        refused(CUSTOM, "no memory", gpu_memory("0"), "must be a quantity above zero, for example 14Gi"),
        refused(CUSTOM, "none, as a number", gpu_memory(0), "must be a quantity above zero"),
        refused(CUSTOM, "less than none", gpu_memory("-1Gi"), "spec.placement.gpuMemory"),
        refused(CUSTOM, "an unknown unit", gpu_memory("14GB"), "must be a quantity above zero"),
        taken(LLAMA, "some headroom", json!({"spec": {"placement": {"headroom": "10%"}}})),
        refused(
            LLAMA,
            "headroom without a unit",
            json!({"spec": {"placement": {"headroom": "0.1"}}}),
            "spec.placement.headroom",
        ),
        taken(LLAMA, "no replicas", json!({"spec": {"replicas": 0}})),
        refused(LLAMA, "fewer than none", json!({"spec": {"replicas": -1}}), "greater than or equal to 0"),
        refused(LLAMA, "too many", json!({"spec": {"replicas": 1001}}), "less than or equal to 1000"),
        taken(LLAMA, "the shortest drain", drain("1s")),
        taken(LLAMA, "the longest drain", drain("1h0m")),
        refused(LLAMA, "no drain", drain("0s"), "must be a duration between 1s and 1h, for example 30s"),
        refused(LLAMA, "a drain too long", drain("61m"), "must be a duration between 1s and 1h"),
        refused(LLAMA, "a drain without a unit", drain("30"), "must be a duration between 1s and 1h"),
        refused(
            LLAMA,
            "an unknown toleration",
            json!({"spec": {"placement": {"tolerations": [{"operator": "Equals"}]}}}),
            "spec.placement.tolerations[0].operator",
        ),
    ]
}
