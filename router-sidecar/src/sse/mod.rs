//! Server-sent events as they pass by: split into events without being rewritten, read on the side.

mod chunk;
mod described;
mod ends;
mod identity;
mod inspect;
mod part;
mod relay;
mod scan;
mod split;
mod transcript;
mod usage;

pub use described::Described;
pub use identity::Identity;
pub use inspect::{Seen, usage_of};
pub(crate) use inspect::{data_of, is_error};
pub use part::{Before, Part};
pub use relay::{EventRelay, Progress};
pub use split::{Splitter, TooLong};
pub use transcript::Transcript;
