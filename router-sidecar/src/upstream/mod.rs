//! Sending a request to one target, up to the first piece of its answer.

mod attempt;
mod client;
mod connection;
mod failure;
mod foreign;
mod gate;
mod headers;
mod http1;
mod lookup;
mod opening;
mod overflow;
mod reading;
mod rest;
mod sent;
mod tail;
mod wire;

pub use attempt::{Answer, Begun, Outgoing, attempt};
pub use client::{ClientError, PooledClient, UpstreamClient, client, pooled};
pub use failure::{Blame, Failure, Next, unpaid};
pub use gate::{Full, Gate, GateRules, Slot};
pub use headers::answer_headers;
pub use http1::{AnswerPieces, Decoder, Head, Pool, Step, close_idle, read_head};
pub use reading::Reading;
pub use rest::{Rest, Stopped};
pub use sent::Sent;
pub use wire::Wire;
