//! The index of a model of several files: `model.safetensors.index.json`.

use super::SafetensorsError;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What an index says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Bytes of all tensors. Written by whoever saved the model, and not always kept true by later conversions.
    pub bytes: u64,
    /// Tensors.
    pub tensors: u64,
    /// The files, which lie beside the index.
    pub files: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(borrow)]
    weight_map: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Metadata {
    total_size: Option<serde_json::Number>,
}

impl Index {
    /// Reads an index; the caller bounds its length.
    pub fn parse(json: &[u8]) -> Result<Self, SafetensorsError> {
        let raw: Raw<'_> = serde_json::from_slice(json)
            .map_err(|error| SafetensorsError::Json { reason: error.to_string() })?;
        if raw.weight_map.is_empty() {
            return Err(SafetensorsError::Empty);
        }
        let total = raw.metadata.and_then(|metadata| metadata.total_size);
        let bytes = total.as_ref().and_then(whole).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or(SafetensorsError::TotalSize)?;
        let files: BTreeSet<&str> = raw.weight_map.values().map(AsRef::as_ref).collect();
        if let Some(file) = files.iter().find(|file| !is_beside(file)) {
            return Err(SafetensorsError::Shard { file: (*file).to_owned() });
        }
        let tensors = raw.weight_map.len() as u64;
        Ok(Self { bytes, tensors, files: files.into_iter().map(str::to_owned).collect() })
    }
}

/// Some savers write the size as 1.5e10.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn whole(number: &serde_json::Number) -> Option<u64> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    number.as_u64().or_else(|| {
        number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=EXACT).contains(n)).map(|n| n as u64)
    })
}

fn is_beside(file: &str) -> bool {
    !file.is_empty() && file.len() <= 255 && file != "." && file != ".." && !file.contains(['/', '\\', '\0'])
}
