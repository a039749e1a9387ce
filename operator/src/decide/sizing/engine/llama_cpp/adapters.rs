//! LoRA adapters.

use super::compute::FLOAT;
use super::pass::Pass;
use crate::decide::sizing::architecture::within;
use crate::decide::sizing::{Adapter, Architecture, Bytes, SizingError};

const TERM: &str = "adapters";
/// Bytes of a value, by the types that `convert_lora_to_gguf.py` writes.
const HALF: u64 = 2;
const FULL: u64 = 4;
/// Far above what anybody trains.
const MAX_RANK: u32 = 1 << 16;

/// Memory of all adapters of a validated model, loaded beside it.
pub(in crate::decide::sizing) fn adapters(
    a: &Architecture,
    adapters: &[Adapter],
) -> Result<Bytes, SizingError> {
    adapters.iter().try_fold(Bytes::default(), |sum, adapter| sum.plus(one(a, *adapter)?, TERM))
}

/// What a pass needs beside its compute buffers where an adapter is in use: the adapter's output of the widest
/// projection, next to that projection's own, and its inner values. One adapter is in use at a time.
pub(super) fn compute(a: &Architecture, pass: &Pass, adapters: &[Adapter]) -> Result<Bytes, SizingError> {
    if adapters.is_empty() {
        return Ok(Bytes::default());
    }
    let used = |layer| a.feed_forward.experts(layer).map_or(1, |experts| experts.used.into());
    let widest = (0..a.layers)
        .flat_map(|layer| a.family.layer(a, layer).into_iter().map(move |tensor| tensor.outputs(used(layer))))
        .max();
    let rank = |adapter: &Adapter| match adapter {
        Adapter::Rank(rank) | Adapter::Wide(rank) => u64::from(*rank),
        Adapter::Given(_) => 0,
    };
    let inner = adapters.iter().map(rank).max().unwrap_or_default();
    Bytes::product(&[widest.unwrap_or_default() + inner, pass.tokens, FLOAT], TERM)
}

fn one(a: &Architecture, adapter: Adapter) -> Result<Bytes, SizingError> {
    let (rank, value) = match adapter {
        Adapter::Given(bytes) => return Ok(bytes),
        Adapter::Rank(rank) => (rank, HALF),
        Adapter::Wide(rank) => (rank, FULL),
    };
    within("adapter rank", rank, MAX_RANK)?;
    let tensors = (0..a.layers).flat_map(|index| a.family.layer(a, index));
    tensors.into_iter().try_fold(Bytes::default(), |sum, tensor| {
        let values = tensor.adapter_values(rank.into())?;
        sum.plus(Bytes::product(&[values, value], TERM)?, TERM)
    })
}
