//! From metadata to a model's dimensions, as llama.cpp reads them (`load_hparams` of its models).

mod attention;
mod feed_forward;
mod keys;
mod recurrent;
mod sliding;
#[cfg(test)]
mod tests;

use super::head::ARCHITECTURE;
use super::{GgufError, Head};
use crate::decide::sizing::{Architecture, Family};
use crate::model_file::Note;
use keys::Keys;

/// The dimensions that `head` tells, and what they rest on.
///
/// Whether the embeddings are tied is known from the list of tensors alone; without it they count as not tied.
///
/// # Errors
/// The file is no model, a key is missing, or a value that no model has.
pub fn architecture(head: &Head) -> Result<(Architecture, Vec<Note>), GgufError> {
    let name = head.metadata.text(ARCHITECTURE)?;
    let name = name.ok_or_else(|| GgufError::MissingKey { key: ARCHITECTURE.to_owned() })?;
    refuse_others(head, name)?;
    let blocks = head.metadata.number(&format!("{name}.block_count"))?.unwrap_or(0);
    // The last blocks may be there for speculation alone; they are not run.
    let speculative = head.metadata.number(&format!("{name}.nextn_predict_layers"))?.unwrap_or(0);
    let keys =
        Keys { name, metadata: &head.metadata, layers: blocks.saturating_sub(speculative).min(MAX_LAYERS) };
    let blocks = keys.required("block_count")?;
    if keys.layers == 0 {
        let wanted = "more than the blocks for speculation";
        return Err(GgufError::Value { key: keys.full("block_count"), found: blocks.to_string(), wanted });
    }

    let mut notes = Vec::new();
    let family = Family::of_gguf(name).unwrap_or(Family::Plain);
    if !family.is_known() {
        notes.push(Note::UnknownArchitecture { name: name.to_owned() });
    }
    let hidden = keys.required("embedding_length")?;
    let recurrent = recurrent::recurrent(&keys, family)?;
    let architecture = Architecture {
        family,
        layers: keys.layers,
        hidden,
        vocab: vocabulary(head, &keys)?,
        attention: attention::attention(&keys, hidden, family, recurrent.as_ref(), &mut notes)?,
        sliding: sliding::sliding(&keys)?,
        feed_forward: feed_forward::feed_forward(&keys, recurrent.as_ref())?,
        recurrent,
        tied_embeddings: head.tensors.as_ref().is_some_and(|tensors| tensors.tied_embeddings),
        context_window: keys.required("context_length")?,
        vision: None,
    };
    architecture.validate()?;
    Ok((architecture, notes))
}

/// An estimate refuses models of more.
const MAX_LAYERS: u32 = 4097;

/// Projectors, adapters and importance matrices are GGUF files too.
fn refuse_others(head: &Head, name: &str) -> Result<(), GgufError> {
    let kind = head.metadata.text("general.type")?.unwrap_or("model");
    match (kind, name) {
        ("model", "clip") => Err(GgufError::NotAModel { kind: "mmproj".to_owned() }),
        ("model", _) => Ok(()),
        (kind, _) => Err(GgufError::NotAModel { kind: kind.to_owned() }),
    }
}

/// The embedding's rows where the tensors were read: they may be more than there are tokens.
fn vocabulary(head: &Head, keys: &Keys<'_>) -> Result<u32, GgufError> {
    let rows = head.tensors.as_ref().and_then(|tensors| tensors.vocabulary);
    let stated = keys.number("vocab_size")?.map(u64::from);
    let vocabulary = rows.or_else(|| stated.max(head.vocabulary));
    let vocabulary = vocabulary.ok_or_else(|| keys.missing("vocab_size"))?;
    Ok(u32::try_from(vocabulary).unwrap_or(u32::MAX))
}
