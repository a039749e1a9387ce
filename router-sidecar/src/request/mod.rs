//! A request's body: read once, peeked into, and sent on with as few bytes changed as possible.

mod buffers;
mod classes;
mod embeddings;
mod operation;
mod options;
mod peek;
mod prefill;
mod prompt;
mod read;
mod runs;
mod scan;
mod session;
mod splice;

pub use buffers::{Buffers, Held, NoRoom};
pub use classes::data_classes;
pub use operation::Operation;
pub use peek::{Peek, PeekError, peek};
pub use prefill::prefill;
pub use read::{ReadError, read};
pub use session::session;
pub use splice::{Spliced, UsageEdit, splice};
