//! A stand-in for an external LLM API: OpenAI's Chat Completions and Embeddings and Anthropic's Messages on the wire,
//! exact bills, scripted faults, and a memory of everything it received.
//!
//! `POST /v1/chat/completions`, `POST /v1/embeddings` and `POST /v1/messages` answer; `GET /_seen` tells what came, `DELETE /_seen` forgets it, `POST /_script`
//! changes what happens next (see [`Script`]).

mod anthropic;
mod api;
mod embeddings;
mod openai;
mod script;
mod seen;
mod server;

pub use script::{Fault, Script};
pub use seen::{Received, Seen};
pub use server::{Options, Provider};
