//! Goldens of both directions, and properties that hold for anything.

mod goldens;
mod properties;
mod refusals;

use super::DIALECT;
use crate::dialect::{Translation, Unsupported};
use serde_json::Value;
use serde_json::value::RawValue;

fn translation() -> Translation {
    DIALECT.translation.unwrap()
}

/// A request as the API gets it.
fn request(body: &str) -> Result<Value, Unsupported> {
    let model = RawValue::from_string(r#""claude""#.to_owned()).unwrap();
    (translation().request)(body.as_bytes(), &model).map(|body| serde_json::from_slice(&body).unwrap())
}

/// A stream as the client gets it, whole, when it comes in pieces of `size` bytes.
fn stream(events: &str, size: usize) -> String {
    let (mut decoder, mut out) = ((translation().stream)(1_700_000_000), Vec::new());
    for piece in events.as_bytes().chunks(size) {
        decoder.push(piece, &mut out);
    }
    String::from_utf8(out).unwrap()
}
