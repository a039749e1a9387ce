//! LoRA adapters of a fleet target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An adapter that a target's engines have loaded. Clients ask for it as MODEL:NAME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetAdapter {
    /// Unique in the target.
    pub name: String,
    /// How a request chooses it.
    pub choice: AdapterChoice,
}

/// How an engine is asked for an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum AdapterChoice {
    /// By its number in the request's `lora`, as llama-server takes it.
    Lora(u32),
    /// By a model name of its own, as vLLM and SGLang take it.
    Model(String),
}
