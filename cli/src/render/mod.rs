//! From reports and catalogues to text. Pure.

mod cost;
mod explain;
mod human;
mod json;
mod lists;
mod style;
mod table;

pub use cost::{costs_json, costs_table};
pub use explain::explanation;
pub use human::human;
pub use json::json;
pub use lists::{gpus_json, gpus_table, presets_json, presets_table};
pub use style::Look;
