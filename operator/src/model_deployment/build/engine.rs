//! What differs from engine to engine: command, arguments, port and health path. A new engine is a new arm here.

use super::model;
use crate::model_deployment::need::Limits;
use crate::model_deployment::validate::Valid;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EngineType;

/// The port of llama-server, and of Custom engines that name none.
const DEFAULT_PORT: i32 = 8080;

/// Where an object's engines serve requests and metrics.
pub fn port(object: &ModelDeployment) -> Option<u16> {
    u16::try_from(number(object)).ok()
}

/// llama-server is always told the default.
fn number(object: &ModelDeployment) -> i32 {
    let engine = &object.spec.engine;
    engine.port.filter(|_| engine.engine_type == EngineType::Custom).unwrap_or(DEFAULT_PORT)
}

/// How to start an engine and how to tell that it serves.
pub(super) struct Launch {
    pub(super) command: Option<Vec<String>>,
    pub(super) args: Vec<String>,
    pub(super) port: i32,
    pub(super) health_path: String,
}

pub(super) fn launch(valid: &Valid<'_>) -> Launch {
    let engine = &valid.object.spec.engine;
    match engine.engine_type {
        EngineType::LlamaCpp => Launch {
            command: None,
            args: llama_cpp_args(valid),
            port: number(valid.object),
            health_path: "/health".to_owned(),
        },
        EngineType::Custom => Launch {
            command: (!engine.command.is_empty()).then(|| engine.command.clone()),
            args: engine.args.clone(),
            port: number(valid.object),
            health_path: engine.health_path.clone().unwrap_or_else(|| "/health".to_owned()),
        },
    }
}

/// The flags of llama-server that decide its memory: `context_tokens` of all sequences together, keys and values
/// in the type named `kv`.
pub fn memory_flags(
    context_tokens: u32,
    parallel_sequences: u32,
    kv: &str,
    ubatch_tokens: u32,
) -> Vec<(&'static str, String)> {
    let kv = kv.to_ascii_lowercase();
    vec![
        ("--ctx-size", context_tokens.to_string()),
        ("--parallel", parallel_sequences.to_string()),
        ("--cache-type-k", kv.clone()),
        ("--cache-type-v", kv),
        ("--ubatch-size", ubatch_tokens.to_string()),
        ("--n-gpu-layers", "999".to_owned()),
        // The estimate's compute term assumes it, and a quantized V cache needs it.
        ("--flash-attn", "on".to_owned()),
    ]
}

/// The flags of llama-server that deal a model out to several GPUs: by layers and in equal parts, as the estimate has
/// it; llama-server itself would go by what is free on each. None for one GPU.
pub fn split_flags(gpus: u32) -> Vec<(&'static str, String)> {
    if gpus < 2 {
        return Vec::new();
    }
    let parts = (0..gpus).map(|_| "1").collect::<Vec<_>>().join(",");
    vec![("--split-mode", "layer".to_owned()), ("--tensor-split", parts)]
}

/// llama-server's flags. They bind the estimate: context, slots, KV type and batch are what was summed up.
fn llama_cpp_args(valid: &Valid<'_>) -> Vec<String> {
    let mut args: Vec<String> = Vec::with_capacity(32);
    let mut flag = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    if let Some(asset) = &valid.model {
        flag("--model", &model::path(asset));
    }
    // A request names the adapter by its place in this order; routers always say which.
    for adapter in &valid.adapters {
        flag("--lora", &model::path(adapter));
    }
    flag("--alias", valid.object.served_name());
    if let Some(Limits { max_tokens: _, parallel_sequences, context_tokens, kv_cache_type, ubatch_tokens }) =
        valid.need.limits
    {
        let kv = format!("{kv_cache_type:?}");
        for (name, value) in memory_flags(context_tokens, parallel_sequences, &kv, ubatch_tokens) {
            flag(name, &value);
        }
        for (name, value) in split_flags(valid.ask().gpus) {
            flag(name, &value);
        }
    }
    // llama-server's prompt cache takes up to 8 GiB of host memory by default, which nobody planned for.
    flag("--cache-ram", "0");
    // The level that has the sizes of buffers, which the status shows, and not yet the text of prompts.
    flag("--log-verbosity", "4");
    flag("--host", "0.0.0.0");
    flag("--port", &DEFAULT_PORT.to_string());
    args.push("--metrics".to_owned());
    if !valid.adapters.is_empty() {
        args.push("--lora-init-without-apply".to_owned());
    }
    args.extend(valid.object.spec.engine.args.iter().cloned());
    args
}
