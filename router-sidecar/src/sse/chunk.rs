//! A chunk of a streamed answer, as far as its choices are looked at one by one.

use serde::{Deserialize, Deserializer};
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
    /// Why it ended.
    #[serde(default, deserialize_with = "reason")]
    pub(super) finish_reason: Option<String>,
}

/// What some engines say in every chunk of a choice that goes on, where others have `null` or nothing.
pub(super) const GOES_ON: [&str; 2] = ["", "null"];

/// Why a choice ended; none while it goes on.
///
/// # Errors
/// It is neither a text nor `null`.
pub(super) fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let said = Option::<String>::deserialize(deserializer)?;
    Ok(said.filter(|reason| !GOES_ON.contains(&reason.as_str())))
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
