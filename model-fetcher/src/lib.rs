//! Brings a model into a cache: whole, checked and once, however often it is started and by however many replicas.
//!
//! It runs to its end before the engine starts. What it has when it is stopped is where the next start goes on.

mod cache;
mod error;
mod fetch;
mod http;
mod options;
mod progress;
mod remote;
mod retry;
mod transfer;

pub use cache::Cache;
pub use error::FetchError;
pub use fetch::{Job, fetch};
pub use http::HttpClient;
pub use options::{Options, UsageError};
pub use progress::{Meter, print};
pub use retry::Patience;
