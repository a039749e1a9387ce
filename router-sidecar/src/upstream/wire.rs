//! A request's body as a target takes it.

use super::{Failure, Outgoing};
use crate::dialect::Unsupported;
use crate::request::{Held, Spliced, UsageEdit, splice};
use crate::snapshot::Backend;
use bytes::Bytes;
use serde_json::value::RawValue;

/// In the target's dialect; the same for every attempt at it.
#[derive(Debug)]
pub enum Wire {
    /// The client's own, but for a few bytes.
    AsItIs,
    /// Translated.
    Translated {
        /// The whole of it.
        body: Bytes,
        /// Counts it.
        held: Held,
    },
}

impl Wire {
    /// Translates if need be.
    ///
    /// # Errors
    /// Something in it has no form in the target's dialect, or there is no room for it.
    pub fn of(outgoing: &Outgoing, backend: &Backend) -> Result<Self, Failure> {
        if backend.dialect.path(outgoing.operation).is_none() {
            let message = format!("this API has no {}", outgoing.operation.name());
            let param = outgoing.operation.input().to_owned();
            return Err(Failure::Unsupported(Unsupported { param, message }));
        }
        let Some(translation) = &backend.dialect.translation else {
            return Ok(Self::AsItIs);
        };
        // It was made from a string, so it is JSON.
        let model: &RawValue = serde_json::from_slice(&backend.model_json).map_err(|_| Failure::Garbled)?;
        let mut held = outgoing.held.another();
        // What is made of a body is about as long as the body.
        held.grow_to(outgoing.body.len()).map_err(|_| Failure::NoRoom)?;
        let body = (translation.request)(&outgoing.body, model).map_err(Failure::Unsupported)?;
        held.grow_to(body.len()).map_err(|_| Failure::NoRoom)?;
        Ok(Self::Translated { body, held })
    }

    /// The body of one attempt.
    pub(super) fn body(&self, outgoing: &Outgoing, backend: &Backend) -> Spliced {
        match self {
            Self::AsItIs => {
                let peek = &outgoing.peek;
                let model = backend.model(outgoing.adapter.as_deref());
                if !backend.dialect.usage_unasked {
                    return splice(&outgoing.body, peek.model_at.clone(), model, peek.usage_edit.as_ref());
                }
                let options = peek.options_at.clone();
                let cut = options.and_then(|at| UsageEdit::cut(&outgoing.body, at));
                splice(&outgoing.body, peek.model_at.clone(), model, cut.as_ref())
            }
            Self::Translated { body, .. } => Spliced::from(body.clone()),
        }
    }
}
