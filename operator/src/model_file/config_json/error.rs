//! Why a config.json cannot be used.

use super::MAX_BYTES;

/// What is wrong with a config.json, in words that say what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Larger than any config.
    #[error("config.json has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or nested deeper than 128 levels.
    #[error("config.json is not valid JSON: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// A field is missing, for which there is no default.
    #[error("config.json has no {field}; is it the config of a language model?")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has another type than it should.
    #[error("{field} in config.json must be {wanted}")]
    Kind {
        /// The field.
        field: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A number is zero, negative, broken or absurd.
    #[error("{field} in config.json is {given}; it must be a whole number from 1 to {limit}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What was given.
        given: String,
        /// The largest number that is accepted.
        limit: u32,
    },
    /// Two fields contradict each other.
    #[error("{field} in config.json has {given} entries, but there are {layers} layers")]
    LayerCount {
        /// The list.
        field: &'static str,
        /// Its length.
        given: usize,
        /// `num_hidden_layers`.
        layers: u32,
    },
    /// The head size is not given and does not follow.
    #[error(
        "hidden_size {hidden} is not a multiple of num_attention_heads {heads}, and config.json has no head_dim"
    )]
    HeadSize {
        /// `hidden_size`.
        hidden: u32,
        /// `num_attention_heads`.
        heads: u32,
    },
    /// A quantization that cannot be sized.
    #[error("quantization_config of config.json: {what} {given:?} is not known; known are {known}")]
    Quantization {
        /// Which of its fields.
        what: &'static str,
        /// Its value.
        given: String,
        /// The values there are.
        known: &'static str,
    },
    /// The dimensions cannot belong to a model.
    #[error("config.json: {0}")]
    Sizing(#[from] crate::decide::sizing::SizingError),
}
