//! The mutating webhook: puts a router beside the containers of pods that ask for it.

mod handler;
mod inject;
pub mod router_container;

pub use handler::{State, admit};
pub use inject::{Injection, inject};

/// The webhook's path.
pub const INJECT_PATH: &str = "/inject";
