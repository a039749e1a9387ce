//! Keys of one architecture.

use crate::model_file::gguf::{GgufError, Metadata};

/// The metadata of a model, by the part of the key after the architecture's name.
pub(super) struct Keys<'a> {
    pub(super) name: &'a str,
    pub(super) metadata: &'a Metadata,
    /// Layers that are run.
    pub(super) layers: u32,
}

impl Keys<'_> {
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    pub(super) fn missing(&self, key: &str) -> GgufError {
        GgufError::MissingKey { key: self.full(key) }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u32>, GgufError> {
        self.metadata.number(&self.full(key))
    }

    pub(super) fn required(&self, key: &str) -> Result<u32, GgufError> {
        self.number(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn per_layer(&self, key: &str) -> Result<Option<Vec<u32>>, GgufError> {
        self.metadata.per_layer(&self.full(key), self.layers)
    }

    /// The largest number of `key` over all layers.
    pub(super) fn largest(&self, key: &str) -> Result<Option<u32>, GgufError> {
        Ok(self.per_layer(key)?.and_then(|numbers| numbers.into_iter().max()))
    }
}
