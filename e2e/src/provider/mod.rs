//! A stand-in for an external LLM API: OpenAI's chat completions on the wire, exact bills, scripted faults, and a
//! memory of everything it received.
//!
//! `POST /v1/chat/completions` answers; `GET /_seen` tells what came, `DELETE /_seen` forgets it, `POST /_script`
//! changes what happens next (see [`Script`]).

mod reply;
mod script;
mod seen;
mod server;

pub use script::{Fault, Script};
pub use seen::{Received, Seen};
pub use server::{Options, Provider};
