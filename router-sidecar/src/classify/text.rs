//! The text of a JSON string, with what looks like digits, dashes and blanks made plain.
//!
//! Copied documents hold hard blanks and dashes between digits, and invisible characters anywhere; forms filled in by
//! East Asian keyboards hold full-width digits. Models read all of them as what they look like.

/// The longest character.
const UTF8: usize = 4;

/// Hands on the text of what is between a string's quotes, in pieces.
pub(super) fn decode(inside: &[u8], mut out: impl FnMut(&[u8])) {
    let mut rest = inside;
    // The first half of a surrogate pair.
    let mut half: Option<u32> = None;
    while let Some(next) = memchr::memchr(b'\\', rest) {
        let (run, escape) = rest.split_at(next);
        if !run.is_empty() {
            half = None;
            plain(run, &mut out);
        }
        let (character, length) = match (escape.get(1), escape.get(2..6)) {
            (Some(b'u'), Some(digits)) => (hex(digits), 6),
            (Some(b'n'), _) => (Some(u32::from(b'\n')), 2),
            (Some(b't'), _) => (Some(u32::from(b'\t')), 2),
            (Some(b'r'), _) => (Some(u32::from(b'\r')), 2),
            (Some(b'b'), _) => (Some(8), 2),
            (Some(b'f'), _) => (Some(12), 2),
            (byte, _) => (byte.map(|byte| u32::from(*byte)), 2),
        };
        rest = escape.get(length..).unwrap_or_default();
        let character = match (half.take(), character) {
            (_, Some(first @ 0xD800..=0xDBFF)) => {
                half = Some(first);
                continue;
            }
            (Some(first), Some(second @ 0xDC00..=0xDFFF)) => {
                Some(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            }
            (_, character) => character,
        };
        let character = character.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        plain(character.encode_utf8(&mut [0; UTF8]).as_bytes(), &mut out);
    }
    plain(rest, &mut out);
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Hands on UTF-8 with its look-alikes made plain.
fn plain(text: &[u8], out: &mut impl FnMut(&[u8])) {
    if text.is_ascii() {
        if !text.is_empty() {
            out(text);
        }
        return;
    }
    let mut rest = text;
    let mut from = 0;
    // All of them begin with one of these.
    while let Some(next) = rest.get(from..).and_then(|rest| memchr::memchr3(0xC2, 0xE2, 0xEF, rest)) {
        let at = from + next;
        match look_alike(rest.get(at..).unwrap_or_default()) {
            Some((length, ascii)) => {
                out(rest.get(..at).unwrap_or_default());
                out(ascii.as_slice());
                rest = rest.get(at + length..).unwrap_or_default();
                from = 0;
            }
            None => from = at + 1,
        }
    }
    out(rest);
}

/// What a character at the beginning of a text looks like, if that is ASCII; nothing for one that is not seen.
fn look_alike(text: &[u8]) -> Option<(usize, Ascii)> {
    let as_is = |byte: u8| Ascii(Some([byte]));
    Some(match text {
        // No-break space; soft hyphen.
        [0xC2, 0xA0, ..] => (2, as_is(b' ')),
        [0xC2, 0xAD, ..] => (2, Ascii(None)),
        // Spaces of any width; narrow no-break space.
        [0xE2, 0x80, 0x80..=0x8A | 0xAF, ..] => (3, as_is(b' ')),
        // Zero-width characters, marks of direction, word joiner.
        [0xE2, 0x80, 0x8B..=0x8F | 0xAA..=0xAE, ..] | [0xE2, 0x81, 0xA0, ..] | [0xEF, 0xBB, 0xBF, ..] => {
            (3, Ascii(None))
        }
        // Hyphens and dashes; minus.
        [0xE2, 0x80, 0x90..=0x95, ..] | [0xE2, 0x88, 0x92, ..] => (3, as_is(b'-')),
        // Full-width forms of `!` to `_` and of `` ` `` to `~`.
        [0xEF, 0xBC, low @ 0x81..=0xBF, ..] => (3, as_is(low - 0x60)),
        [0xEF, 0xBD, low @ 0x80..=0x9E, ..] => (3, as_is(low - 0x20)),
        _ => return None,
    })
}

/// One byte or none.
struct Ascii(Option<[u8; 1]>);

impl Ascii {
    fn as_slice(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |byte| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(inside: &str) -> String {
        let mut text = Vec::new();
        decode(inside.as_bytes(), |piece| text.extend_from_slice(piece));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn escapes_are_read_and_look_alikes_are_made_plain() {
        for (inside, text) in [
            (r"1\u0032\u00333", "1233"),
            (r#"a\n\"\\\/\t"#, "a\n\"\\/\t"),
            (r"\ud83d\ude80 \ude80x", "🚀 \u{fffd}x"),
            ("1\u{a0}2\u{2011}3\u{200b}4\u{ad}5\u{feff}\u{2212}6\u{202f}7", "1 2-345-6 7"),
            ("１２３－４５＠ＡＢｚ～", "123-45@ABz~"),
            (r"\uff11\u2011\u00a0\u200b", "1- "),
            ("für 日本 € – …", "für 日本 € - …"),
        ] {
            assert_eq!(decoded(inside), text, "{inside}");
        }
    }

    proptest! {
        #[test]
        fn ascii_and_letters_are_what_a_parser_reads(text in "[ -~\n\t\u{80}-\u{84}à-ÿа-я日本🚀]{0,80}") {
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decoded(&quoted[1..quoted.len() - 1]), text);
        }
    }
}
