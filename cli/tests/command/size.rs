//! `size`: figures, verdicts, forms of output.

use super::{flotilla, with_stdin};
use serde_json::Value;

const MANIFEST: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: llama, namespace: chat}
spec:
  model: {source: 'pvc://weights/llama.gguf', preset: llama-3.2-3b, quantization: Q4_K_M}
  context: {maxTokens: 8192, parallelSequences: 1}
";
const OTHERS: &str = "
---
apiVersion: flotilla.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: assistant}
spec: {whatever: this may be}
---
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: custom}
spec:
  model: {}
  engine: {type: Custom, image: registry.example/engine:1}
  placement: {gpuMemory: 14Gi}
";

#[test]
fn a_preset_for_people() {
    let ended = flotilla("size --preset llama-3.2-3b --quantization Q4_K_M --context 8k --sequences 1");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn a_card_that_is_too_small_is_said_with_what_would_fit_it() {
    let ended = flotilla("size -p mistral-7b-v0.3 -q Q8_0 -c 16k -s 4 --gpu T4");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn json_has_every_term_and_they_add_up() {
    let ended = flotilla("size -p qwen2.5-14b -q F16 -c 32k -s 8 --json --gpu rtx4090");
    assert_eq!(ended.code, 1);
    let value = ended.json();
    let bytes = |name: &str| value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"));
    let terms = ["weights", "kvCache", "compute", "runtime", "adapters", "state"];
    let sum: u64 = terms.iter().map(|term| bytes(&format!("{term}Bytes"))).sum();
    assert_eq!(sum, bytes("totalBytes"));
    assert_eq!(bytes("perGPUBytes"), bytes("totalBytes"), "one GPU");
    assert!(bytes("requiredPerGPUBytes") > bytes("perGPUBytes"), "headroom");
    let fits = value["fits"].as_array().unwrap();
    assert!(
        !fits.is_empty()
            && fits.iter().all(|fit| fit["usableBytes"].as_u64() >= Some(bytes("requiredPerGPUBytes")))
    );
    let first = &fits[0];
    for field in ["name", "product", "memoryBytes", "freeBytes"] {
        assert!(!first[field].is_null(), "{field} in {first}");
    }
    let priced = fits.iter().find(|fit| fit["name"] == "H200").unwrap();
    assert_eq!(priced["pricePerHourUSD"], 5.75);
    assert!(priced["priceSource"].as_str().unwrap().contains("2026-"));
    assert!(fits.iter().any(|fit| fit.get("pricePerHourUSD").is_none()), "no price is no figure");
    assert_eq!(value["asked"]["fits"], false);
    assert!(value["assumptions"].is_array());
    let same = flotilla("size -p qwen2.5-14b -q F16 -c 32k -s 8 -o json --gpu rtx4090");
    assert_eq!(same.json(), value);
}

#[test]
fn a_manifest_says_what_the_operator_would() {
    let ended = with_stdin("size -f - --json", MANIFEST);
    let from_flags = flotilla("size -p llama-3.2-3b -q Q4_K_M -c 8192 -s 1 --json").json();
    let value = ended.json();
    assert_eq!(value["name"], "chat/llama (llama-3.2-3b)");
    for field in ["totalBytes", "requiredPerGPUBytes", "engineFlags", "fits"] {
        assert_eq!(value[field], from_flags[field], "{field}");
    }
    assert_eq!((&value["basis"], &from_flags["basis"]), (&"Preset".into(), &"Preset".into()));
    let warning = value["warnings"][0].as_str().unwrap();
    assert!(warning.contains("llama.gguf lies in volume weights"), "{warning}");
    assert_eq!(from_flags["warnings"], serde_json::json!([]));
}

#[test]
fn a_file_may_have_several_documents_of_several_kinds() {
    let ended = with_stdin("size -f - --json", &format!("{MANIFEST}{OTHERS}"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let value = ended.json();
    let names: Vec<_> = value.as_array().unwrap().iter().map(|report| report["name"].clone()).collect();
    assert_eq!(names, ["chat/llama (llama-3.2-3b)", "custom"]);
    assert_eq!(value[1]["requiredPerGPUBytes"], 14_u64 << 30, "a declared need has no headroom");
    assert_eq!(value[1]["weightsBytes"], Value::Null);
}

#[test]
fn flags_override_a_manifest() {
    let kv = |line: &str| with_stdin(line, MANIFEST).json()["kvCacheBytes"].as_u64().unwrap();
    let (as_is, twice) = (kv("size -f - --json"), kv("size -f - --json --context 16k"));
    assert_eq!(twice, 2 * as_is);
    assert_eq!(kv("size -f - --json --sequences 3"), 3 * as_is);
    assert!(kv("size -f - --json --kv-cache q8_0") < as_is);
    let required = |line: &str| with_stdin(line, MANIFEST).json()["requiredPerGPUBytes"].as_u64().unwrap();
    assert!(required("size -f - --json --headroom 0") < required("size -f - --json --headroom 20%"));
}

#[test]
fn a_verdict_over_several_objects_is_that_of_the_worst() {
    let both = format!("{MANIFEST}{OTHERS}");
    assert_eq!(with_stdin("size -f - --gpu rtx4090", &both).code, 0);
    assert_eq!(with_stdin("size -f - --gpu RTX-3060-12GB", &both).code, 1);
}

#[test]
fn a_preset_with_a_short_window_is_cut_to_it() {
    let value = flotilla("size -p phi-3-mini-4k -q Q4_K_M --json").json();
    assert!(value["facts"].to_string().contains("4,096 tokens"));
    flotilla("size -p phi-3-mini-4k -q Q4_K_M -c 8k").refused(&["4096 tokens", "lower it"]);
}

#[test]
fn colours_only_where_asked_for() {
    let escape = '\u{1b}';
    assert!(!flotilla("size -p llama-3.2-1b -q Q4_0").stdout.contains(escape), "no terminal, no colour");
    assert!(flotilla("size -p llama-3.2-1b -q Q4_0 --color always").stdout.contains(escape));
}

/// The dimensions of Llama 3.2 1B, as its config.json has them.
const CONFIG: &str = r#"{
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
  "num_hidden_layers": 16, "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32,
  "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "tie_word_embeddings": true,
  "max_position_embeddings": 131072
}"#;

#[test]
fn a_configuration_is_served_by_vllm_unless_something_else_is_asked_for() {
    let of = |flags: &str| with_stdin(&format!("size --config-json - --json {flags}"), CONFIG).json();
    let vllm = of("");
    assert!(vllm["facts"][1].as_str().unwrap().starts_with("vLLM"), "{vllm}");
    assert_eq!(vllm["facts"][0], "BF16");
    let flags = vllm["engineFlags"].to_string();
    assert!(flags.contains("--gpu-memory-utilization=0."), "{flags}");
    assert!(vllm["engineFlagsFor"].is_string(), "the share is that of a card");
    assert!(of("--engine sglang")["engineFlags"].to_string().contains("--mem-fraction-static"));
    let gguf = of("--quantization Q4_K_M");
    let preset = flotilla("size -p llama-3.2-1b -q Q4_K_M --json").json();
    assert_eq!(gguf["facts"][1], "llama.cpp");
    assert_eq!(gguf["totalBytes"], preset["totalBytes"]);
}

#[test]
fn over_several_gpus_each_needs_less() {
    let of =
        |gpus: u32| flotilla(&format!("size -p llama-3.1-8b -q BF16 -e vllm --gpus {gpus} --json")).json();
    let (one, two) = (of(1), of(2));
    assert!(two["perGPUBytes"].as_u64() < one["perGPUBytes"].as_u64());
    assert!(two["totalBytes"].as_u64() > two["perGPUBytes"].as_u64());
}

#[test]
fn adapters_are_counted_and_bound() {
    let of = |flags: &str| flotilla(&format!("size -p llama-3.1-8b -q BF16 -e vllm --json {flags}")).json();
    let (one, four) = (of("--adapters 1"), of("--adapters 4 --adapter-rank 32"));
    let bytes = |value: &Value| value["adaptersBytes"].as_u64().unwrap();
    // 41,943,040 values of rank 16 in the linear layers of Llama 3.1 8B, two bytes each.
    assert_eq!((bytes(&of("")), bytes(&one)), (0, 2 * 41_943_040));
    assert_eq!(bytes(&four), 8 * bytes(&one), "four of twice the rank");
    let flags = four["engineFlags"].to_string();
    for flag in ["--enable-lora", "--max-loras=4", "--max-lora-rank=32"] {
        assert!(flags.contains(flag), "{flag} in {flags}");
    }
    assert!(four["facts"].to_string().contains("4 LoRA adapters of rank 32"));
    let odd = flotilla("size -p llama-3.1-8b -q BF16 -e vllm --adapters 1 --adapter-rank 20");
    odd.refused(&["vLLM has the ranks", "size for 32"]);
    flotilla("size -p llama-3.1-8b -q BF16 --adapter-rank 8").refused(&["--adapters"]);
    flotilla("size -p llama-3.1-8b -q Q4_0 --adapters 0").refused(&["--adapters", "must be"]);
}

#[test]
fn a_checkpoint_that_does_not_fit_brings_formats_and_more_gpus() {
    let ended = flotilla("size -p llama-3.1-8b -q BF16 -e vllm -c 8k -s 2 --gpu rtx-3060-12gb --json");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let advice = ended.json()["alternatives"].to_string();
    assert!(advice.contains("An RTX 3060 12GB would do with format AWQ"), "{advice}");
    assert!(advice.contains("4 × RTX 3060 12GB would share it"), "{advice}");
}
