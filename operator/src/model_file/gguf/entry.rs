//! Reading the value of a key, or passing over it.

use super::input::{Item, Stop};
use super::value::{Kind, Scalar};
use super::{GgufError, Value};

/// llama.cpp's limit is 2^30; chat templates have a few hundred KB.
const MAX_TEXT: u64 = 1 << 26;
/// Likewise; vocabularies have up to 300,000 tokens and 600,000 merges.
const MAX_ELEMENTS: u64 = 1 << 24;

/// What is kept of a key's value: texts up to the length of a name, arrays up to an element per layer.
const KEPT_KEY: usize = 256;
const KEPT_TEXT: u64 = 256;
pub(super) const KEPT_ELEMENTS: u64 = 1 << 12;
/// Keys that no dimension is computed from.
const PASSED: &str = "tokenizer.";

/// The value of a key.
pub(super) enum Entry {
    /// A value that is kept.
    Kept(Value),
    /// A value that was passed over.
    Passed,
    /// An array of numbers that was passed over.
    Numbers { elements: u64 },
    /// An array of texts, which follow.
    Texts { elements: u64 },
}

impl Entry {
    /// Reads the value of `key`; arrays of up to `room` elements are kept.
    pub(super) fn read(item: &mut Item<'_>, key: &str, room: u64) -> Result<Self, Stop> {
        let kept = key.len() <= KEPT_KEY && !key.starts_with(PASSED);
        match kind(item, key)? {
            Kind::Scalar(scalar) => {
                let value = scalar.read(item)?;
                Ok(if kept { Self::Kept(value) } else { Self::Passed })
            }
            Kind::Text => text(item, kept),
            Kind::Array => array(item, key, if kept { room } else { 0 }),
        }
    }
}

fn kind(item: &mut Item<'_>, key: &str) -> Result<Kind, Stop> {
    let at = item.at();
    let found = item.u32()?;
    let unknown = || GgufError::ValueType { key: key.to_owned(), found, at }.into();
    Kind::from_number(found).ok_or_else(unknown)
}

fn text(item: &mut Item<'_>, kept: bool) -> Result<Entry, Stop> {
    let length = item.length("text", MAX_TEXT)?;
    if !kept || length > KEPT_TEXT {
        item.skip(length);
        return Ok(Entry::Passed);
    }
    let bytes = item.bytes(usize::try_from(length).map_err(|_| Stop::More)?)?;
    Ok(Entry::Kept(Value::Text(String::from_utf8_lossy(bytes).into_owned())))
}

/// Passes over one text of an array.
pub(super) fn pass_text(item: &mut Item<'_>) -> Result<(), Stop> {
    let length = item.length("text", MAX_TEXT)?;
    item.skip(length);
    Ok(())
}

fn array(item: &mut Item<'_>, key: &str, room: u64) -> Result<Entry, Stop> {
    let at = item.at();
    let kind = kind(item, key)?;
    let elements = count(item, "array elements", MAX_ELEMENTS)?;
    match kind {
        Kind::Array => Err(GgufError::NestedArray { key: key.to_owned(), at }.into()),
        Kind::Text => Ok(Entry::Texts { elements }),
        Kind::Scalar(scalar) if elements <= room && !scalar.is_float() => integers(item, scalar, elements),
        Kind::Scalar(scalar) => {
            // At most 2^24 elements of 8 bytes.
            item.skip(elements * scalar.size());
            Ok(Entry::Numbers { elements })
        }
    }
}

fn integers(item: &mut Item<'_>, scalar: Scalar, elements: u64) -> Result<Entry, Stop> {
    let read = |_| scalar.read_integer(item);
    (0..elements).map(read).collect::<Result<_, _>>().map(|numbers| Entry::Kept(Value::Integers(numbers)))
}

/// A count that must be at most `limit`.
pub(super) fn count(item: &mut Item<'_>, what: &'static str, limit: u64) -> Result<u64, Stop> {
    let at = item.at();
    match item.u64()? {
        count if count > limit => Err(GgufError::TooMany { what, count, limit, at }.into()),
        count => Ok(count),
    }
}
