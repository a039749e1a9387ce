//! What a client may ask for, by OpenTelemetry's names (`gen_ai.operation.name`).

use super::embeddings;
use super::peek::{Peek, PeekError, peek};

/// One API of the data port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Chat Completions.
    Chat,
    /// Embeddings.
    Embeddings,
}

impl Operation {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Chat, Self::Embeddings];

    /// The path on the data port: the table.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// The operation at a path.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.path() == path)
    }

    /// The name in logs and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }

    /// Looks into a body.
    ///
    /// # Errors
    /// The body is not JSON, has no model, or has a field of the wrong type.
    pub fn peek(self, body: &[u8]) -> Result<Peek, PeekError> {
        match self {
            Self::Chat => peek(body),
            Self::Embeddings => embeddings::peek(body),
        }
    }

    /// The request field that holds what is asked.
    pub const fn input(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Embeddings => "input",
        }
    }
}
