//! What llama.cpp takes on a GPU before it loads anything.

use crate::decide::sizing::Bytes;

/// On CUDA: the context with its kernels (about 180 MiB on an RTX 2000 Ada, 264 MiB on an RTX 3090:
/// total less free in llama.cpp's own start-up reports; 130 to 256 MiB on an H100, as "non-torch" memory in
/// vLLM's logs), the cuBLAS workspace (32 MiB), and the scratch pool that holds quantized activations.
pub(super) const RUNTIME: Bytes = Bytes::from_mib(384);
