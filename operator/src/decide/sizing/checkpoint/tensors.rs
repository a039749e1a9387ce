//! The tensors that a model's layers are stored as.

use super::{Format, Part, Shape};
use crate::decide::sizing::tensors::{Role, Tensor};
use crate::decide::sizing::{Architecture, Attention, Bytes, SizingError};

const TERM: &str = "weights";
/// vLLM and SGLang pad the vocabulary to a multiple of this for each GPU.
const VOCABULARY_STEP: u64 = 64;
/// And the rows that experts read to a multiple of this for MXFP4's kernels.
const MXFP4_ROW_STEP: u64 = 256;

/// How an engine lays a model out.
#[derive(Clone, Copy, Debug)]
pub(in crate::decide::sizing) struct Split {
    /// GPUs that share each matrix (tensor parallelism).
    pub(in crate::decide::sizing) gpus: u64,
    /// Whether query, key and value are one matrix, gate and up too, and the experts of a layer; and whether
    /// sizes are padded as kernels want it. Files have neither.
    pub(in crate::decide::sizing) fused: bool,
}

/// The memory of all tensors of a file.
///
/// # Errors
/// A sum beyond 64 bits.
pub fn weights(a: &Architecture, format: Format) -> Result<Bytes, SizingError> {
    a.validate()?;
    sum(a, format, Split { gpus: 1, fused: false }, |bytes| bytes)
}

/// The memory of all tensors, each as large as `allocated` says of its size.
pub(in crate::decide::sizing) fn sum(
    a: &Architecture,
    format: Format,
    split: Split,
    allocated: fn(u64) -> u64,
) -> Result<Bytes, SizingError> {
    let add = |so_far: Bytes, matrix: &Matrix| {
        format
            .stored(matrix.part, matrix.shape)
            .into_iter()
            .try_fold(so_far, |so_far, bytes| so_far.plus(Bytes::new(allocated(bytes)), TERM))
    };
    let around = around(a, split).iter().try_fold(Bytes::default(), add)?;
    let vision = a.vision.map_or(0, |vision| vision.parameters.div_ceil(split.gpus));
    let vision = Bytes::product(&[vision, format.activation_bytes()], TERM)?;
    (0..a.layers).try_fold(around.plus(vision, TERM)?, |so_far, index| {
        layer(a, index, format, split).iter().try_fold(so_far, add)
    })
}

/// One matrix, or the experts' matrices of a layer in one.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    part: Part,
    shape: Shape,
}

/// What stands around the layers: embedding, output projection, last norm.
fn around(a: &Architecture, split: Split) -> Vec<Matrix> {
    let (hidden, vocab) = (u64::from(a.hidden), u64::from(a.vocab));
    let rows = if split.fused { vocab.next_multiple_of(VOCABULARY_STEP) } else { vocab };
    let table = Shape { input: hidden, output: rows.div_ceil(split.gpus) };
    let norm = Shape { input: hidden, output: 1 };
    let mut matrices =
        vec![Matrix { part: Part::Kept, shape: norm }, Matrix { part: Part::Kept, shape: table }];
    if !a.tied_embeddings {
        matrices.push(Matrix { part: Part::Head, shape: table });
    }
    matrices
}

/// The matrices of a layer on one GPU, those joined that the engine joins.
fn layer(a: &Architecture, index: u32, format: Format, split: Split) -> Vec<Matrix> {
    let mut matrices: Vec<(Option<Role>, Matrix)> = Vec::new();
    for tensor in a.family.layer(a, index) {
        let matrix = on_one_gpu(a, &tensor, format, split);
        let joins = tensor.role().and_then(joined_with).filter(|_| split.fused);
        let other = matrices.iter_mut().find(|(role, other)| {
            joins.is_some()
                && *role == joins
                && other.part == matrix.part
                && other.shape.input == matrix.shape.input
        });
        match other {
            Some((_, other)) => other.shape.output = other.shape.output.saturating_add(matrix.shape.output),
            None => matrices.push((joins, matrix)),
        }
    }
    matrices.into_iter().map(|(_, matrix)| matrix).collect()
}

/// The matrix that others of its kind are joined to.
const fn joined_with(role: Role) -> Option<Role> {
    match role {
        Role::Query | Role::Key | Role::Value => Some(Role::Query),
        Role::GateUp => Some(Role::GateUp),
        _ => None,
    }
}

/// A tensor's share of one GPU: projections into a layer's inside are cut by their outputs, those out of it by
/// their inputs; each GPU has at least one KV head. Experts are cut inside like any other.
fn on_one_gpu(a: &Architecture, tensor: &Tensor, format: Format, split: Split) -> Matrix {
    let (row, rows, count) = (tensor.row(), tensor.rows(), tensor.count());
    let cut = |size: u64| size.div_ceil(split.gpus);
    let hidden = u64::from(a.hidden);
    let latent = matches!(a.attention, Attention::Latent { .. });
    let padded = |size: u64| {
        if split.fused && format == Format::Mxfp4 { size.next_multiple_of(MXFP4_ROW_STEP) } else { size }
    };
    let (part, input, output) = match tensor.role() {
        None => (Part::Kept, row, rows),
        Some(Role::GateUp) if count > 1 => (Part::Expert, padded(row), cut(rows).saturating_mul(count)),
        Some(Role::Down) if count > 1 => (Part::Expert, cut(row), padded(rows).saturating_mul(count)),
        // Each head's part of what expands a latent.
        Some(Role::Other) if count > 1 => (Part::Linear, row, rows.saturating_mul(cut(count))),
        // What compresses queries, keys and values is computed on every GPU.
        Some(Role::Other) if latent && row == hidden => (Part::Linear, row, rows),
        Some(Role::Key | Role::Value) => (Part::Linear, row, cut(rows).max(a.attention.key_dim().min(rows))),
        Some(Role::AttentionOutput | Role::Down) => (Part::Linear, cut(row), rows),
        Some(Role::Other) if rows == hidden => (Part::Linear, cut(row), rows),
        Some(Role::Query | Role::Fused | Role::GateUp | Role::Other) => (Part::Linear, row, cut(rows)),
        Some(Role::Embedding | Role::Output) => (Part::Kept, row, cut(rows)),
    };
    Matrix { part, shape: Shape { input, output } }
}
