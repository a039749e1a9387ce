//! What is said about a comparison.

mod json;
mod plot;
mod table;

pub use json::json;
pub use plot::plot;
pub use table::table;
