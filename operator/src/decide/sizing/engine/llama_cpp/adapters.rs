//! LoRA adapters.

use crate::decide::sizing::architecture::within;
use crate::decide::sizing::{Adapter, Architecture, Bytes, SizingError};

const TERM: &str = "adapters";
/// `convert_lora_to_gguf.py` writes 16-bit floats.
const HALF: u64 = 2;
/// Far above what anybody trains.
const MAX_RANK: u32 = 1 << 16;

/// Memory of all adapters of a validated model, loaded beside it.
pub(in crate::decide::sizing) fn adapters(
    a: &Architecture,
    adapters: &[Adapter],
) -> Result<Bytes, SizingError> {
    adapters.iter().try_fold(Bytes::default(), |sum, adapter| sum.plus(one(a, *adapter)?, TERM))
}

fn one(a: &Architecture, adapter: Adapter) -> Result<Bytes, SizingError> {
    let rank = match adapter {
        Adapter::Given(bytes) => return Ok(bytes),
        Adapter::Rank(rank) => rank,
    };
    within("adapter rank", rank, MAX_RANK)?;
    let tensors = (0..a.layers).flat_map(|index| a.family.layer(a, index));
    tensors.into_iter().try_fold(Bytes::default(), |sum, tensor| {
        let values = tensor.adapter_values(rank.into())?;
        sum.plus(Bytes::product(&[values, HALF], TERM)?, TERM)
    })
}
