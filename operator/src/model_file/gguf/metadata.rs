//! The metadata that is kept.

use super::{GgufError, Value};
use std::collections::BTreeMap;

/// Keys and their values: numbers, short texts and arrays with an element per layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, Value>);

impl Metadata {
    pub(super) fn insert(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Integers(numbers) => size_of_val(&numbers[..]),
            Value::Text(text) => text.len(),
            Value::Integer(_) | Value::Float => 0,
        };
        self.0.iter().map(|(key, kept)| key.len() + size_of::<Value>() + value(kept)).sum()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The text of `key`, or an error if it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(key, other, "a short text")),
        }
    }

    /// The whole number of `key`, or an error if it is something else.
    pub fn number(&self, key: &str) -> Result<Option<u32>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(value @ Value::Integer(number)) => u32::try_from(*number)
                .map(Some)
                .map_err(|_| wrong(key, value, "a whole number of at most 32 bits")),
            Some(other) => Err(wrong(key, other, "a whole number of at most 32 bits")),
        }
    }

    /// The number of `key` for each of `layers`: one for all, or an array of them.
    pub fn per_layer(&self, key: &str, layers: u32) -> Result<Option<Vec<u32>>, GgufError> {
        let Some(value @ Value::Integers(numbers)) = self.get(key) else {
            return Ok(self.number(key)?.map(|number| vec![number; layers as usize]));
        };
        // Files may say it for layers too that are not run (those for speculation).
        let numbers = numbers.get(..layers as usize);
        let numbers = numbers.ok_or_else(|| wrong(key, value, "one number, or one per layer"))?;
        let number = |number: &i64| u32::try_from(*number);
        let numbers: Result<Vec<_>, _> = numbers.iter().map(number).collect();
        numbers.map(Some).map_err(|_| wrong(key, value, "whole numbers of at most 32 bits"))
    }
}

fn wrong(key: &str, found: &Value, wanted: &'static str) -> GgufError {
    GgufError::Value { key: key.to_owned(), found: found.to_string(), wanted }
}
