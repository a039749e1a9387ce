//! What the model file itself says, read from where the engine will load it.
//!
//! Only the head of the file is read, once per place, in a task of its own: a reconcile waits a moment for it and
//! otherwise comes back, so that a registry or hub that does not answer holds up nobody else.

mod cache;
mod entry;
mod failure;
mod place;
mod readers;

pub use cache::Files;
pub use failure::Failure;
pub use place::{AtSource, InImage, Place, SecretRef};
pub use readers::Readers;

use crate::model_file::ModelFile;
use std::sync::Arc;
use std::time::Duration;

/// What is known of a `ModelDeployment`'s file.
#[derive(Debug, Clone)]
pub enum FileState {
    /// It is not looked at: it lies in a volume or on nodes, the engine is not ours to size, or the need is declared.
    NotRead,
    /// It is being read.
    Reading,
    /// It was read.
    Known {
        /// What it says.
        file: Arc<ModelFile>,
        /// Why it could not be read again since.
        since: Option<Arc<Failure>>,
    },
    /// It could not be read.
    Failed(Arc<Failure>),
}

/// A look at a file.
#[derive(Debug, Clone)]
pub struct Look {
    /// What is known now.
    pub state: FileState,
    /// When looking again may tell more.
    pub again: Option<Duration>,
}

impl Look {
    /// For files that are not read.
    pub const NONE: Self = Self { state: FileState::NotRead, again: None };
}
