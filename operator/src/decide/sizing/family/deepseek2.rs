//! DeepSeek-V2, V3 and R1.

use super::super::architecture::{Architecture, Attention};
use super::super::tensors::Tensor;
use super::llama;

/// A Llama layer with latent attention, and V3's bias of the router. The small V2 does not compress queries, and
/// has no bias; the large V2 is taken to have one, of 640 bytes.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let mut tensors = llama::layer(a, index);
    if let Attention::Latent { query_rank: Some(_), .. } = a.attention {
        tensors.extend(a.feed_forward.experts(index).map(|experts| Tensor::vector(experts.count.into())));
    }
    tensors
}
