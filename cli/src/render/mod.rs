//! From reports and catalogues to text. Pure.

mod human;
mod json;
mod lists;
mod style;
mod table;

pub use human::human;
pub use json::json;
pub use lists::{gpus_json, gpus_table, presets_json, presets_table};
pub use style::Look;
