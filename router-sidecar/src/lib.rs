//! The router: answers OpenAI-compatible requests by fleet pods and external APIs, as policies say.
//!
//! The life of a request, by module: [`serve`] takes it, [`request`] peeks into it, [`access`] lets it in, [`classify`] looks
//! for data classes, [`route`] plans it over a
//! [`snapshot`], [`upstream`] sends it in the target's [`dialect`], [`sse`] reads its answer as it passes, [`account`] settles it.
//! Configs come from a [`source`].

pub mod access;
pub mod account;
pub mod budget;
pub mod classify;
pub mod cli;
mod decimal;
pub mod dialect;
pub mod error;
pub mod explain;
pub mod request;
pub mod route;
pub mod serve;
pub mod snapshot;
pub mod source;
pub mod spans;
pub mod sse;
pub mod telemetry;
pub mod upstream;
