//! What to do, given what is: values in, a value and its reason out. No client, no clock.

mod nearest;
pub mod placement;
pub mod sizing;

pub use nearest::nearest;
