//! Onto a node: the real scheduler puts replicas where they fit, on the card that wastes least, and what has no place
//! says why until it has one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "placement/claims.rs"]
mod claims;
#[path = "placement/devices.rs"]
mod devices;
#[path = "placement/faults.rs"]
mod faults;
#[path = "placement/joining.rs"]
mod joining;
#[path = "placement/labels.rs"]
mod labels;
#[path = "model_deployment/objects.rs"]
#[allow(dead_code, reason = "shared with the tests of ModelDeployment, which use more of it")]
mod objects;
#[path = "placement/partitions.rs"]
mod partitions;
#[path = "scaling/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of scaling, which use more of it")]
mod scaled;
#[path = "placement/spill.rs"]
mod spill;
#[path = "placement/stage.rs"]
mod stage;
