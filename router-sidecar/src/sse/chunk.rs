//! A chunk of a streamed answer, as far as its choices are looked at one by one.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: u32,
    /// What it adds; some targets have `null` in the chunk that ends a choice.
    pub(super) delta: Option<Map<String, Value>>,
    pub(super) finish_reason: Option<String>,
}
