//! Published configs, and what must hold for any input.

mod hostile;
mod published;
mod quantizations;

use std::fs;

use super::{ConfigFacts, parse};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/model_file/config_json/tests/fixtures");

/// The text of a published config, by its repository's name.
fn text(name: &str) -> String {
    fs::read_to_string(format!("{FIXTURES}/{name}.json")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What is read from it.
pub(crate) fn fixture(name: &str) -> ConfigFacts {
    parse(text(name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every published config.
fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(FIXTURES)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".json").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}
