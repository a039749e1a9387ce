//! The engines: what each takes for the same model.

mod fraction;
pub(super) mod llama_cpp;
pub(super) mod sglang;
pub(super) mod torch;
mod version;
pub(super) mod vllm;

use super::estimate::Terms;
use super::{Request, SizingError};
use llama_cpp::LlamaCpp;
use sglang::Sglang;
use vllm::Vllm;

pub use fraction::Fraction;
pub use version::{EngineVersion, InvalidVersion};

/// What serves a model, with the settings that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// llama.cpp's llama-server.
    LlamaCpp(LlamaCpp),
    /// vLLM.
    Vllm(Vllm),
    /// SGLang.
    Sglang(Sglang),
}

impl Engine {
    /// The engine's terms. The request's own counts are checked.
    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        match self {
            Self::LlamaCpp(engine) => engine.terms(request),
            Self::Vllm(engine) => engine.terms(request),
            Self::Sglang(engine) => engine.terms(request),
        }
    }
}
