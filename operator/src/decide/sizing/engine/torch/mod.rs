//! What engines on PyTorch share: weights as they are loaded, activations, keys and values, state.

mod allocator;
mod kv;
mod pass;
mod state;
mod transformers;
mod weights;

use crate::decide::sizing::Bytes;

pub(in crate::decide::sizing) use allocator::allocated;
pub(in crate::decide::sizing) use kv::KvWidth;
pub(in crate::decide::sizing) use pass::activations;
pub(in crate::decide::sizing) use state::state;
pub use transformers::{Generation, transformers_peak};
pub(in crate::decide::sizing) use weights::{Loading, weights};

/// What a card lacks for programs once one has a CUDA context: the context, and the driver's own part. The
/// largest of vLLM's start-up logs, which print free and total memory before anything is loaded: 78.68 of
/// 79.15 GiB (H100), 139.21 of 139.81 (H200), 30.86 of 31.36 and 31.23 of 31.86 (RTX 5090).
pub(in crate::decide::sizing) const CUDA_CONTEXT: Bytes = Bytes::from_mib(645);
