//! The tensors of a model, and the memory they take.

use super::ggml_type::GgmlType;
use super::mixture::Mixture;
use super::rule::Place;
use super::{Architecture, Bytes, Quantization, SizingError, Weights};

/// What a matrix does, as far as its storage format depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Token embedding that is not the output projection too.
    Embedding,
    /// Output projection, or the one matrix that is embedding and output.
    Output,
    Query,
    Key,
    Value,
    /// Query, key and value projection in one matrix.
    Fused,
    AttentionOutput,
    /// Gate or up projection, or both fused.
    GateUp,
    Down,
}

/// One tensor: `rows` rows of `row` values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    /// `None` for norms and biases, which stay 32-bit floats in every quantization.
    role: Option<Role>,
    row: u64,
    rows: u64,
}

impl Tensor {
    /// A norm or a bias.
    pub(super) const fn vector(row: u64) -> Self {
        Self { role: None, row, rows: 1 }
    }

    /// A projection from `row` to `rows` values.
    pub(super) const fn matrix(role: Role, row: u64, rows: u64) -> Self {
        Self { role: Some(role), row, rows }
    }

    /// What the matrix does; `None` for norms and biases.
    pub(super) const fn role(&self) -> Option<Role> {
        self.role
    }

    /// Values in one row: the inputs of a projection.
    pub(super) const fn row(&self) -> u64 {
        self.row
    }

    /// Rows: the outputs of a projection.
    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Memory of this tensor where `mixture` stores it.
    fn bytes(&self, mixture: &Mixture, place: &Place) -> Result<Bytes, SizingError> {
        let format = match self.role {
            None => GgmlType::F32,
            Some(role) => self.fitting(role, mixture.format(role, place), mixture.quantization)?,
        };
        let row = format.row_bytes(self.row).ok_or(SizingError::Overflow { term: "weights" })?;
        Bytes::product(&[row, self.rows], "weights")
    }

    /// `wanted`, or what llama.cpp stores instead where the rows do not fit its blocks.
    fn fitting(
        &self,
        role: Role,
        wanted: GgmlType,
        quantization: Quantization,
    ) -> Result<GgmlType, SizingError> {
        if wanted.holds(self.row) {
            return Ok(wanted);
        }
        let substitute = wanted.substitute();
        match if role == Role::Output { substitute.and(Some(GgmlType::Q8_0)) } else { substitute } {
            Some(substitute) if substitute.holds(self.row) => Ok(substitute),
            Some(_) => Ok(GgmlType::F16),
            None => Err(SizingError::Row { quantization, row: self.row, block: wanted.block_values() }),
        }
    }
}

/// Memory of all tensors of a validated model. With `host_memory` those count too that llama.cpp leaves there.
pub(super) fn weights(a: &Architecture, weights: Weights, host_memory: bool) -> Result<Bytes, SizingError> {
    match weights {
        Weights::Checkpoint(format) => Err(SizingError::CheckpointInLlamaCpp { format }),
        Weights::Gguf(quantization) => quantized(a, quantization, host_memory),
        Weights::Given { bytes, .. } if host_memory => Ok(bytes),
        Weights::Given { bytes, host_bytes } => Ok(bytes.minus(host_bytes)),
    }
}

/// File metadata (a few MiB of vocabulary) is not part of it: it never reaches the GPU.
fn quantized(a: &Architecture, quantization: Quantization, host_memory: bool) -> Result<Bytes, SizingError> {
    let mixture = quantization.mixture();
    let (hidden, vocab) = (u64::from(a.hidden), u64::from(a.vocab));
    let mut around = vec![Tensor::vector(hidden), Tensor::matrix(Role::Output, hidden, vocab)];
    if !a.tied_embeddings && host_memory {
        around.push(Tensor::matrix(Role::Embedding, hidden, vocab));
    }
    let place = |layer| Place { layer, layers: a.layers, heads_per_kv_head: a.attention.heads_per_kv_head() };
    let sum = |sum: Bytes, tensors: Vec<Tensor>, place: &Place| {
        tensors.iter().try_fold(sum, |sum, tensor| sum.plus(tensor.bytes(&mixture, place)?, "weights"))
    };
    (0..a.layers).try_fold(sum(Bytes::default(), around, &place(0))?, |so_far, index| {
        sum(so_far, a.family.layer(a, index), &place(index))
    })
}
