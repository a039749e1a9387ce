//! Where configs come from: a file that is watched, or the operator's stream.

pub mod file;
pub mod operator;
