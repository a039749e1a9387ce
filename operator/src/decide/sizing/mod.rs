//! How much GPU memory one engine replica needs, term by term.
//!
//! Pure: a [`Request`] goes in, an [`Estimate`] or a [`SizingError`] comes out. Weights follow the exact
//! tensor list of the model family ([`Family`]) and llama.cpp's choice of block format per tensor; the KV
//! cache follows its cell layout. docs/sizing.md explains each term and how far it may be trusted.
//!
//! A new model is a row in `presets.rs`, a new quantization a row in `quantization.rs` and in `mixture.rs`,
//! a new model family a file in `family/` and a line in its table.

mod adapter;
mod alternatives;
mod architecture;
mod assumption;
mod bytes;
pub mod checkpoint;
mod engine;
mod error;
mod estimate;
mod family;
mod ggml_type;
mod kv;
mod mixture;
mod names;
mod place;
mod presets;
mod quantization;
mod request;
mod rule;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;

pub use adapter::Adapter;
pub use alternatives::{Alternative, Change, alternatives};
pub use architecture::{
    Architecture, Attention, Experts, FeedForward, Layers, Recurrent, RecurrentKind, Sliding, Vision,
};
pub use assumption::Assumption;
pub use bytes::Bytes;
pub use engine::llama_cpp::{LlamaCpp, LlamaCppReport, Logits};
pub use engine::sglang::{Sglang, SglangFlags};
pub use engine::torch::{Generation, transformers_peak};
pub use engine::vllm::{Vllm, VllmFlags, VllmReport};
pub use engine::{Engine, EngineVersion, Fraction, InvalidVersion};
pub use error::SizingError;
pub use estimate::{Estimate, estimate};
pub use family::Family;
pub use kv::KvCacheType;
pub use names::UnknownName;
pub use presets::{Preset, UnknownPreset, preset, presets};
pub use quantization::Quantization;
pub use request::Request;
pub use weights::Weights;
