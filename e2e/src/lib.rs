//! Does Flotilla work for real: the test bed (a multi-node Kubernetes on one machine), the images that run on
//! it, and what the tests and the demo share.

pub mod bed;
pub mod command;
pub mod demo;
pub mod error;
pub mod harness;
mod hex;
pub mod images;
pub mod oci;
pub mod progress;
pub mod provider;
