//! Fixtures of the operator's own tests.

use std::fs;

use flotilla_operator::decide::sizing::Bytes;
use flotilla_operator::model_file::config_json::{ConfigFacts, parse};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The rows of a table, cut at commas, without comments and the header.
pub fn rows(name: &str) -> Vec<Vec<String>> {
    table_rows(&read(&format!("decide/sizing/tests/fixtures/{name}")))
}

/// The same of a table that was read.
pub fn table_rows(table: &str) -> Vec<Vec<String>> {
    let rows = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A published model, by its repository's name.
pub fn model(name: &str) -> ConfigFacts {
    let text = read(&format!("model_file/config_json/tests/fixtures/{name}.json"));
    parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file of the operator's source.
pub fn read(path: &str) -> String {
    fs::read_to_string(format!("{SOURCE}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An amount in GiB.
pub fn gib(bytes: Bytes) -> f64 {
    bytes.get() as f64 / f64::from(1 << 30)
}
