//! The tensors of a model, and the memory they take.

use super::ggml_type::GgmlType;
use super::mixture::Mixture;
use super::place::{Place, Places};
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
    /// Any other matrix: none of the quantizer's special cases.
    Other,
}

/// One tensor: `rows` rows of `row` values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    /// `None` for norms and biases, which stay 32-bit floats in every quantization.
    role: Option<Role>,
    row: u64,
    rows: u64,
    /// How many such matrices are stacked in it, such as one for each expert.
    count: u64,
}

impl Tensor {
    /// A norm or a bias.
    pub(super) const fn vector(row: u64) -> Self {
        Self::floats(row, 1)
    }

    /// A small matrix that stays 32-bit floats, such as a router.
    pub(super) const fn floats(row: u64, rows: u64) -> Self {
        Self { role: None, row, rows, count: 1 }
    }

    /// A projection from `row` to `rows` values.
    pub(super) const fn matrix(role: Role, row: u64, rows: u64) -> Self {
        Self { role: Some(role), row, rows, count: 1 }
    }

    /// So many projections from `row` to `rows` values.
    pub(super) const fn stack(role: Role, row: u64, rows: u64, count: u64) -> Self {
        Self { role: Some(role), row, rows, count }
    }

    /// What the tensor does; `None` for what stays 32-bit floats.
    pub(super) const fn role(&self) -> Option<Role> {
        self.role
    }

    /// Values of a LoRA adapter of that rank beside it; none for what is no projection.
    pub(super) fn adapter_values(&self, rank: u64) -> Result<u64, SizingError> {
        let Some(_) = self.role else { return Ok(0) };
        Bytes::product(&[self.row + self.rows, self.count, rank], "adapters").map(Bytes::get)
    }

    /// Values that each token becomes in a projection, of which it uses so many experts; 0 for what is no projection.
    pub(super) fn outputs(&self, experts_used: u64) -> u64 {
        if self.role.is_some() { self.rows.saturating_mul(self.count.min(experts_used)) } else { 0 }
    }

    /// How many matrices it is: the experts of a layer, or the heads of what expands a latent.
    pub(super) const fn count(&self) -> u64 {
        self.count
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
            Some(role) => {
                self.fitting(role, mixture.format(role, self.count > 1, place), mixture.quantization)?
            }
        };
        let row = format.row_bytes(self.row).ok_or(SizingError::Overflow { term: "weights" })?;
        Bytes::product(&[row, self.rows, self.count], "weights")
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
    let mut places = Places::of(a);
    let layers =
        (0..a.layers).flat_map(|index| a.family.layer(a, index).into_iter().map(move |t| (index, t)));
    around
        .into_iter()
        .map(|tensor| (0, tensor))
        .chain(layers)
        .try_fold(Bytes::default(), |sum, (index, tensor)| {
            sum.plus(tensor.bytes(&mixture, &places.take(&tensor, index))?, "weights")
        })
}
