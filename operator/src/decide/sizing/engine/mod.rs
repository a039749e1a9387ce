//! The engines: what each takes for the same model.

pub(super) mod llama_cpp;

use super::estimate::Terms;
use super::{Request, SizingError};
use llama_cpp::LlamaCpp;

/// What serves a model, with the settings that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// llama.cpp's llama-server.
    LlamaCpp(LlamaCpp),
}

impl Engine {
    /// The engine's terms. The request's own counts are checked.
    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        match self {
            Self::LlamaCpp(engine) => engine.terms(request),
        }
    }
}
