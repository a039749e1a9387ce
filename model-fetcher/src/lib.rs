//! Brings a model into a cache: whole, checked and once, however often it is started and by however many replicas.
//!
//! It runs to its end before the engine starts. What it has when it is stopped is where the next start goes on. Beside
//! the engine another run of it, `hold`, keeps the model from being deleted.

mod cache;
mod error;
mod fetch;
mod http;
mod options;
mod progress;
mod remote;
mod retry;
mod transfer;

pub use cache::{Cache, hold};
pub use error::FetchError;
pub use fetch::{Job, fetch};
pub use http::HttpClient;
pub use options::{Cli, Command, Hold, Options, UsageError};
pub use progress::{Meter, print};
pub use retry::Patience;
