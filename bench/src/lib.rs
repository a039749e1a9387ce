//! What the router costs, measured beside what people would pick instead.
//!
//! One process on one core plays the clients ([`load`]) and the engine ([`mock`]); a [`gateway`] has the other core
//! to itself. [`measure`] runs one case through one gateway, [`suite`] runs all of them in turns, [`report`] writes
//! down what came out.

pub mod awake;
pub mod cores;
pub mod facts;
pub mod gateway;
pub mod guards;
pub mod instructions;
pub mod load;
pub mod measure;
pub mod mock;
pub mod operator;
pub mod plain_proxy;
pub mod report;
pub mod stats;
pub mod suite;
pub mod traffic;
