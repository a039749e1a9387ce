//! No call to the API server waits for ever.

use std::future::Future;
use std::time::Duration;

/// How long one call may take.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server answered with an error, or could not be reached.
    #[error("{action}: {}", said(source))]
    Failed {
        /// What was tried.
        action: String,
        /// What came back.
        source: Box<kube::Error>,
    },
    /// No answer in time.
    #[error("{action}: the API server did not answer within {} s", CALL_DEADLINE.as_secs())]
    TimedOut {
        /// What was tried.
        action: String,
    },
}

/// What a person needs of an error: the API server's own sentence, where it sent one.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

impl CallError {
    /// Whether the API server said that there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.has_code(404)
    }

    /// Whether somebody else wrote the object in between, or made it first.
    pub fn is_conflict(&self) -> bool {
        self.has_code(409)
    }

    /// Whether the API server answered that it will not do it, today or tomorrow: no right to it, or nothing there.
    pub fn is_refused(&self) -> bool {
        self.code().is_some_and(|code| (400..500).contains(&code) && ![408, 429].contains(&code))
    }

    fn has_code(&self, wanted: u16) -> bool {
        self.code() == Some(wanted)
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Failed { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::TimedOut { .. } => None,
        }
    }
}

/// Runs one call with [`CALL_DEADLINE`]; `action` completes the sentence "could not …".
pub async fn within<T>(
    action: impl FnOnce() -> String,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(CALL_DEADLINE, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(CallError::Failed { action: action(), source: Box::new(source) }),
        Err(_) => Err(CallError::TimedOut { action: action() }),
    }
}
