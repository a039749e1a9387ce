//! Who asks, and how much they may: the keys that a policy gives to its clients, and the limits of each key.

mod admission;
mod bucket;
mod keys;
mod limiter;

pub use admission::{Admission, admit};
pub use keys::{Client, Clients, KeyError};
pub use limiter::{Limiter, Limits, Standing};
