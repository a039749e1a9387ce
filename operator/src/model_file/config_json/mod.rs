//! config.json of a Hugging Face repository: a model's dimensions and how its weights are stored.
//!
//! Pure, for input from anywhere: bounded in size and nesting, and an error names the field that is wrong. A
//! new architecture is a line in `classes.rs`, a new quantization one in `quantization.rs`.

mod attention;
mod classes;
mod error;
mod feed_forward;
mod fields;
mod layers;
mod note;
mod quantization;
#[cfg(test)]
pub(crate) mod tests;
mod vision;

use serde_json::Value;

use crate::decide::sizing::Architecture;
use crate::decide::sizing::checkpoint::Format;
use fields::Fields;

pub use error::ConfigError;
pub use note::Note;

/// The longest config.json that is read. Quantizers that list every module write some 100 KiB.
pub const MAX_BYTES: usize = 1 << 20;

/// What a config.json says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFacts {
    /// The model's dimensions.
    pub architecture: Architecture,
    /// How its weights are stored.
    pub format: Format,
    /// What was taken for granted.
    pub notes: Vec<Note>,
}

/// Reads a config.json.
///
/// # Errors
/// Input that is too long, not JSON, or nested deeper than 128 levels; a field that is missing, of the wrong
/// type, zero, negative or absurd; a quantization that is not known.
pub fn parse(json: &[u8]) -> Result<ConfigFacts, ConfigError> {
    if json.len() > MAX_BYTES {
        return Err(ConfigError::TooLong { bytes: json.len() });
    }
    let value: Value =
        serde_json::from_slice(json).map_err(|error| ConfigError::Json { reason: error.to_string() })?;
    let Value::Object(object) = value else {
        return Err(ConfigError::Kind { field: "config.json", wanted: "an object" });
    };
    let top = Fields::new(&object);
    // Models with a vision part keep their text model's fields apart.
    let text = top.object("text_config")?.unwrap_or(top);
    let mut notes = Vec::new();
    let class = classes::find(top, text, &mut notes)?;
    let text = text.with_defaults(class.defaults);
    let architecture = architecture(&class, top, text, &mut notes)?;
    architecture.validate()?;
    let format = quantization::format(top, text, &mut notes)?;
    Ok(ConfigFacts { architecture, format, notes })
}

fn architecture(
    class: &classes::Class,
    top: Fields<'_>,
    text: Fields<'_>,
    notes: &mut Vec<Note>,
) -> Result<Architecture, ConfigError> {
    let hidden = text.count("hidden_size")?;
    let layers = text.count("num_hidden_layers")?;
    if let Some(count) = text.optional_number("num_nextn_predict_layers")?.filter(|count| *count > 0) {
        notes.push(Note::PredictionLayers { count });
    }
    let tied = match text.flag("tie_word_embeddings")? {
        Some(tied) => tied,
        None => top.flag("tie_word_embeddings")?.unwrap_or(class.tied),
    };
    Ok(Architecture {
        family: class.family,
        layers,
        hidden,
        vocab: text.count("vocab_size")?,
        attention: attention::attention(text, hidden)?,
        sliding: layers::sliding(class, text, layers)?,
        recurrent: layers::recurrent(class, text, layers, hidden)?,
        feed_forward: feed_forward::feed_forward(text)?,
        tied_embeddings: tied,
        context_window: text.count("max_position_embeddings")?,
        vision: vision::vision(top, hidden, notes)?,
    })
}
