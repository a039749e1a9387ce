//! The API of Flotilla and the contract between its parts: what a user may write, what the operator reports,
//! and what routers are told. No client, no IO.

pub mod router_config;
