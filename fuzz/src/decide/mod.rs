//! See `operator/src/decide`.

#[path = "../../../operator/src/decide/nearest.rs"]
mod nearest;
#[path = "../../../operator/src/decide/sizing/mod.rs"]
pub mod sizing;

pub use nearest::nearest;
