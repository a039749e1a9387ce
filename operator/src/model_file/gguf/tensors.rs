//! What a list of tensors adds up to.

use super::input::{Item, Stop};
use super::names::Names;
use super::{GgufError, TensorType};
use std::collections::BTreeMap;

/// ggml's own limit is 64.
const MAX_NAME: u64 = 256;
/// `GGML_MAX_DIMS`.
const MAX_DIMENSIONS: usize = 4;
const MAX_VALUES: u64 = i64::MAX as u64;

/// The input embedding, and the output projection that is absent where the embedding serves as both.
const EMBEDDING: &str = "token_embd.weight";
const OUTPUT: &str = "output.weight";
/// Other tensors of the input layer, which llama.cpp keeps in host memory like the embedding.
const INPUT: [&str; 4] =
    ["per_layer_token_embd.weight", "position_embd.weight", "token_types.weight", "token_embd_norm.weight"];

/// Sums over the tensors of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tensors {
    /// Tensors.
    pub count: u64,
    /// Values in all tensors.
    pub parameters: u64,
    /// Bytes of all tensors, without the padding between them.
    pub bytes: u64,
    /// The part of `bytes` that llama.cpp keeps in host memory: the tensors of the input layer, less an
    /// embedding that is the output projection too.
    pub host_bytes: u64,
    /// Bytes of the token embedding.
    pub embedding_bytes: u64,
    /// Whether the output projection is the token embedding.
    pub tied_embeddings: bool,
    /// Rows of the token embedding.
    pub vocabulary: Option<u64>,
    /// Bytes by storage type.
    pub by_type: BTreeMap<TensorType, u64>,
    /// Where the data starts in the file.
    pub data_at: u64,
    /// Where the last tensor ends in the file.
    pub end: u64,
}

impl Tensors {
    /// Adds the tensors of another file of the same model. Where data starts and ends stays that of the first.
    pub(in crate::model_file) fn join(&mut self, other: &Self) {
        let beside_embedding = self.beside_embedding().saturating_add(other.beside_embedding());
        self.count = self.count.saturating_add(other.count);
        self.parameters = self.parameters.saturating_add(other.parameters);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.embedding_bytes = self.embedding_bytes.saturating_add(other.embedding_bytes);
        self.tied_embeddings &= other.tied_embeddings;
        let embedding = if self.tied_embeddings { 0 } else { self.embedding_bytes };
        self.host_bytes = beside_embedding.saturating_add(embedding);
        self.vocabulary = self.vocabulary.or(other.vocabulary);
        for (kind, bytes) in &other.by_type {
            let sum = self.by_type.entry(*kind).or_default();
            *sum = sum.saturating_add(*bytes);
        }
    }

    /// What of the input layer stays in host memory whether or not the embedding does.
    const fn beside_embedding(&self) -> u64 {
        self.host_bytes.saturating_sub(if self.tied_embeddings { 0 } else { self.embedding_bytes })
    }
}

/// Sums in the making.
#[derive(Debug)]
pub(super) struct Adder {
    sums: Tensors,
    alignment: u64,
    /// Where the next tensor has to start in the data.
    next: u64,
    embedding: u64,
    has_output: bool,
    names: Names,
}

/// One record of the list.
pub(super) struct Record<'a> {
    name: &'a str,
    at: u64,
    dimensions: [u64; MAX_DIMENSIONS],
    kind: TensorType,
    offset: u64,
}

impl<'a> Record<'a> {
    pub(super) fn read(item: &mut Item<'a>) -> Result<Self, Stop> {
        let at = item.at();
        let name = item.text("tensor name", MAX_NAME)?;
        let tensor = || name.to_owned();
        let dimensions_at = item.at();
        let found = item.u32()?;
        let mut dimensions = [1; MAX_DIMENSIONS];
        let given = (found > 0).then(|| dimensions.get_mut(..found as usize)).flatten();
        let given =
            given.ok_or_else(|| GgufError::Dimensions { tensor: tensor(), found, at: dimensions_at })?;
        for dimension in &mut *given {
            *dimension = item.u64()?;
        }
        if given
            .iter()
            .try_fold(1, |product: u64, n| product.checked_mul(*n))
            .is_none_or(|n| n == 0 || n > MAX_VALUES)
        {
            let found = given.to_vec();
            return Err(GgufError::Shape { tensor: tensor(), found, at: dimensions_at }.into());
        }
        let type_at = item.at();
        let number = item.u32()?;
        let kind = TensorType::from_number(number).ok_or_else(|| GgufError::TensorType {
            tensor: tensor(),
            found: number,
            at: type_at,
        })?;
        Ok(Self { name, at, dimensions, kind, offset: item.u64()? })
    }
}

impl Adder {
    pub(super) fn new(alignment: u64) -> Self {
        Self {
            sums: Tensors::default(),
            alignment,
            next: 0,
            embedding: 0,
            has_output: false,
            names: Names::default(),
        }
    }

    /// Adds one tensor, which has to start where the one before it ends: so says the format, and so no byte
    /// counts twice.
    pub(super) fn add(&mut self, record: &Record<'_>) -> Result<(), GgufError> {
        let tensor = || record.name.to_owned();
        let too_large = || GgufError::TensorSum { tensor: tensor() };
        if !self.names.insert(record.name) {
            return Err(GgufError::DuplicateTensor { tensor: tensor(), at: record.at });
        }
        let [row, rows, ..] = record.dimensions;
        let values: u64 = record.dimensions.iter().product();
        let row_bytes = record.kind.row_bytes(row);
        let row_bytes =
            row_bytes.ok_or_else(|| GgufError::Row { tensor: tensor(), row, kind: record.kind })?;
        let bytes = row_bytes.checked_mul(values / row).ok_or_else(too_large)?;
        if record.offset != self.next {
            return Err(GgufError::TensorOffset {
                tensor: tensor(),
                found: record.offset,
                wanted: self.next,
            });
        }
        let end = self.next.checked_add(bytes).ok_or_else(too_large)?;
        self.next = end.checked_next_multiple_of(self.alignment).ok_or_else(too_large)?;
        if self.next > MAX_VALUES {
            return Err(too_large());
        }
        let sums = &mut self.sums;
        sums.count += 1;
        // A value takes at least a sixteenth of a byte in every format: no sum overflows before the bytes'.
        sums.parameters = sums.parameters.saturating_add(values);
        sums.bytes += bytes;
        sums.end = end;
        *sums.by_type.entry(record.kind).or_default() += bytes;
        match record.name {
            EMBEDDING => {
                self.embedding = bytes;
                sums.vocabulary = Some(rows);
            }
            OUTPUT => self.has_output = true,
            name if INPUT.contains(&name) => sums.host_bytes += bytes,
            _ => {}
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The sums, for a list that ends at byte `at` of the file.
    pub(super) fn sums(&self, at: u64) -> Tensors {
        let mut sums = self.sums.clone();
        sums.data_at = at.next_multiple_of(self.alignment);
        sums.end = sums.end.saturating_add(sums.data_at);
        sums.tied_embeddings = !self.has_output;
        sums.embedding_bytes = self.embedding;
        if self.has_output {
            sums.host_bytes += self.embedding;
        }
        sums
    }
}
