//! What to do, given what is: values in, a value and its reason out. No client, no clock.

pub mod calibration;
pub mod drain;
pub mod economics;
mod nearest;
pub mod observe;
pub mod placement;
pub mod scale;
pub mod sizing;
pub mod spill;

pub use nearest::nearest;
