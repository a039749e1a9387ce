//! What to do, given what is: values in, a value and its reason out. No client, no clock.

pub mod calibration;
mod nearest;
pub mod observe;
pub mod placement;
pub mod sizing;

pub use nearest::nearest;
