//! See `operator/src/model_file/read`.

#[path = "../../../../operator/src/model_file/read/reach.rs"]
mod reach;

pub use reach::Reach;
