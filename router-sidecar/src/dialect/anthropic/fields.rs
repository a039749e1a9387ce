//! The fields of a Chat Completions request, taken one by one; what is left has no place in the translation.

use crate::dialect::Unsupported;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Fields that do not change what the answer says: hints, and what is kept where.
const IGNORED: [&str; 13] = [
    "stream_options",
    "seed",
    "store",
    "metadata",
    "service_tier",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "verbosity",
    // The model is exchanged anyway.
    "model",
    // Of engines of one's own: how the prompt is put together there.
    "add_generation_prompt",
    "chat_template_kwargs",
    "cache_prompt",
];

/// A field, whether its value says nothing, and what is wrong otherwise.
type Neutral = (&'static str, fn(&Value) -> bool, &'static str);

/// Fields that may only say what holds anyway.
const NEUTRAL: [Neutral; 8] = [
    ("n", |value| *value == 1, "a request gets one choice"),
    ("logprobs", |value| *value == false, "there are no log probabilities"),
    ("top_logprobs", |value| *value == 0, "there are no log probabilities"),
    (
        "logit_bias",
        |value| value.as_object().is_some_and(serde_json::Map::is_empty),
        "tokens cannot be biased",
    ),
    ("presence_penalty", is_zero, "there are no penalties"),
    ("frequency_penalty", is_zero, "there are no penalties"),
    ("modalities", |value| *value == Value::from(vec!["text"]), "answers are text"),
    ("functions", |value| value.as_array().is_some_and(Vec::is_empty), "use tools"),
];

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

/// Fields by name, as they came.
pub(super) struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The fields of a body.
    pub(super) fn of(body: &'a [u8]) -> Result<Self, Unsupported> {
        let fields = serde_json::from_slice(body);
        fields.map(Self).map_err(|error| Unsupported::new("body", error.to_string()))
    }

    /// Takes a field; `null` is as good as absent.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Option<T>, Unsupported> {
        let Some(raw) = self.0.remove(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get()).map_err(|error| Unsupported::new(name, error.to_string()))
    }

    /// Takes a field as it is.
    pub(super) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|raw| raw.get() != "null")
    }

    /// Refuses what is left, unless it says nothing.
    pub(super) fn finish(self) -> Result<(), Unsupported> {
        for (name, raw) in self.0 {
            if raw.get() == "null" || IGNORED.contains(&name.as_str()) {
                continue;
            }
            let Some((_, holds, wrong)) = NEUTRAL.iter().find(|(neutral, ..)| *neutral == name) else {
                return Err(Unsupported::new(name, "the Messages API of Anthropic has nothing like it"));
            };
            if !serde_json::from_str(raw.get()).is_ok_and(|value| holds(&value)) {
                return Err(Unsupported::new(name, format!("in the Messages API of Anthropic {wrong}")));
            }
        }
        Ok(())
    }
}
