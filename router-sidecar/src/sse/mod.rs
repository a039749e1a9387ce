//! Server-sent events as they pass by: split into events without being rewritten, read on the side.

mod inspect;
mod relay;
mod scan;
mod transcript;

pub use inspect::{Seen, usage_of};
pub use relay::{EventRelay, Part, Progress};
pub use transcript::Transcript;
