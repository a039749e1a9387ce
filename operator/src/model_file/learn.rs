//! From a parsed head to what a file tells.

use super::gguf::{self, GgufError, Head, Tensors};
use super::guess::{self, Guess};
use super::safetensors::{Header, Index};
use super::{FileWeights, Format, ModelFile, Note};
use crate::decide::sizing::{Architecture, Bytes, Quantization};
use flotilla_model_source::ShardName;

impl ModelFile {
    /// What the head of the GGUF file `name` of `size` bytes says.
    ///
    /// # Errors
    /// The file is cut off or no model, a key is missing, or a dimension that no model has.
    pub fn from_gguf(head: &Head, name: &str, size: u64) -> Result<Self, GgufError> {
        Self::from_shards(head, name, size, None)
    }

    /// The same of the first of several files, with the tensors of the `others` if they were read.
    ///
    /// # Errors
    /// As [`Self::from_gguf`].
    pub fn from_shards(
        head: &Head,
        name: &str,
        size: u64,
        others: Option<&Tensors>,
    ) -> Result<Self, GgufError> {
        let wanted = head.tensors.as_ref().map_or(head.read_to, |tensors| tensors.end);
        if wanted > size {
            return Err(GgufError::Truncated { size, wanted });
        }
        let joined = head.tensors.as_ref().zip(others).map(|(first, others)| {
            let mut all = first.clone();
            all.join(others);
            all
        });
        let whole;
        let head = match joined {
            Some(tensors) => {
                whole = Head { tensors: Some(tensors), ..head.clone() };
                &whole
            }
            None => head,
        };
        let (mut architecture, mut notes) = gguf::architecture(head)?;
        let stated = head.metadata.number("general.file_type")?.and_then(gguf::quantization);
        let split = split(head, name)?;
        let (weights, quantization) = match (&head.tensors, &split) {
            (_, Some(_)) if others.is_none() => {
                if head.tensors.is_none() || architecture.tied_embeddings {
                    assume_habit(&mut architecture, &mut notes);
                }
                (None, stated.or_else(|| named(name, &mut notes)))
            }
            (Some(tensors), _) => {
                let bytes = Bytes::new(tensors.bytes);
                let weights = FileWeights { bytes, host_bytes: Bytes::new(tensors.host_bytes), exact: true };
                (Some(weights), stated.or_else(|| named(name, &mut notes)))
            }
            (None, _) => {
                let size = size.saturating_add(others.map_or(0, |others| others.bytes));
                from_length(head, name, size, stated, &mut architecture, &mut notes)
            }
        };
        notes.extend(split);
        Ok(Self {
            format: Format::Gguf,
            architecture_name: head.architecture_name().map(str::to_owned),
            architecture: Some(architecture),
            weights,
            quantization,
            notes,
        })
    }

    /// What the header of one safetensors file says.
    pub fn from_safetensors(header: Header) -> Self {
        Self::checkpoint(header.bytes, true, Vec::new())
    }

    /// What the index of several safetensors files says.
    pub fn from_index(index: &Index) -> Self {
        let files = u32::try_from(index.files.len()).ok();
        Self::checkpoint(index.bytes, false, vec![Note::Split { files }])
    }

    fn checkpoint(bytes: u64, exact: bool, notes: Vec<Note>) -> Self {
        Self {
            format: Format::Safetensors,
            architecture_name: None,
            architecture: None,
            weights: Some(FileWeights { bytes: Bytes::new(bytes), host_bytes: Bytes::default(), exact }),
            quantization: None,
            notes,
        }
    }
}

/// Weights and quantization of a file whose tensors were not read.
fn from_length(
    head: &Head,
    name: &str,
    size: u64,
    stated: Option<Quantization>,
    architecture: &mut Architecture,
    notes: &mut Vec<Note>,
) -> (Option<FileWeights>, Option<Quantization>) {
    let by_name = guess::quantization_in(name);
    let quantization = if let Some(Guess { quantization, tied }) =
        guess::by_length(architecture, size.saturating_sub(head.read_to), stated, by_name)
    {
        architecture.tied_embeddings = tied;
        if stated.is_none() {
            notes.push(Note::QuantizationFromSize);
        }
        Some(quantization)
    } else {
        assume_habit(architecture, notes);
        stated.or_else(|| named(name, notes))
    };
    notes.push(Note::WeightsFromLength);
    let host_bytes = quantization.and_then(|quantization| guess::host_bytes(architecture, quantization));
    let weights = FileWeights {
        bytes: Bytes::new(size.saturating_sub(head.read_to)),
        host_bytes: host_bytes.unwrap_or_default(),
        exact: false,
    };
    (Some(weights), quantization)
}

fn named(name: &str, notes: &mut Vec<Note>) -> Option<Quantization> {
    let quantization = guess::quantization_in(name);
    notes.extend(quantization.map(|_| Note::QuantizationFromName));
    quantization
}

fn assume_habit(architecture: &mut Architecture, notes: &mut Vec<Note>) {
    let tied = guess::habitually_tied(architecture);
    architecture.tied_embeddings = tied;
    notes.push(Note::TiedByHabit { tied });
}

/// Whether the file is one of several, by its metadata or by its name (`…-00001-of-00003.gguf`).
fn split(head: &Head, name: &str) -> Result<Option<Note>, GgufError> {
    let stated = head.metadata.number("split.count")?;
    let by_name = || ShardName::of(name).map(|shard| shard.count);
    Ok(stated.or_else(by_name).filter(|files| *files > 1).map(|files| Note::Split { files: Some(files) }))
}
