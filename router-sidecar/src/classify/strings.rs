//! The strings of a JSON body, in the order that they are written.
//!
//! The body has been read as JSON before, so this need not understand it: it tells strings from what is between them,
//! and keys from values. A key `content` begins a message; what follows under `content` and `text` is what the message
//! says, part by part. All else, keys and long numbers included, is looked at by itself.

use super::scan::Scan;
use super::text::decode;

/// Between two strings that do not belong together.
const APART: &[u8] = b"\0";
/// Shorter stretches between strings hold no number that any detector looks for.
const NUMBER: usize = 9;

/// Hands every string to a scan, until nothing is left to find.
pub(super) fn each(body: &[u8], scan: &mut Scan<'_>) {
    let mut at = 0;
    let mut in_content = false;
    while !scan.is_done() {
        let rest = body.get(at..).unwrap_or_default();
        let begin = memchr::memchr(b'"', rest).unwrap_or(rest.len());
        let (between, string) = rest.split_at(begin);
        if between.len() >= NUMBER {
            scan.other(between);
            scan.other(APART);
        }
        let Some(inside) = string.get(1..) else {
            break;
        };
        let inside = inside.get(..length(inside)).unwrap_or_default();
        at += begin + inside.len() + 2;
        if is_key(body.get(at..).unwrap_or_default()) {
            let key = Key::of(inside);
            in_content = key != Key::Other;
            if key == Key::Content {
                scan.content(APART);
            }
            if key == Key::Other {
                decode(inside, |text| scan.other(text));
                scan.other(APART);
            }
        } else if in_content {
            decode(inside, |text| scan.content(text));
        } else {
            decode(inside, |text| scan.other(text));
            scan.other(APART);
        }
    }
}

/// How long a string is, up to its closing quote.
fn length(inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = inside.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if inside.get(at + next) == Some(&b'"') {
            return at + next;
        }
        // The byte behind a backslash means nothing by itself.
        at += next + 2;
    }
    inside.len()
}

/// Whether what follows a string makes it a key.
fn is_key(after: &[u8]) -> bool {
    after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

#[derive(PartialEq, Eq)]
enum Key {
    Content,
    Text,
    Other,
}

impl Key {
    fn of(inside: &[u8]) -> Self {
        let plain = |key: &[u8]| match key {
            b"content" => Self::Content,
            b"text" => Self::Text,
            _ => Self::Other,
        };
        if !inside.contains(&b'\\') {
            return plain(inside);
        }
        let mut key = Vec::with_capacity(inside.len());
        decode(inside, |text| key.extend_from_slice(text));
        plain(&key)
    }
}
