//! The bytes of a JSON string that mean themselves, looked at in blocks.

use super::prompt::other_bytes;

/// Bytes of a string that are looked at by eights; most strings end before. Of the others, more are looked at together.
const SHORT: usize = 32;
/// One in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The upper bit of every byte.
const UPPER: u64 = 0x80 * ONES;

/// The upper bit of the first byte that is zero; above it, anything.
fn first_zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & UPPER
}

/// The same for the first byte that does not mean itself in a string: a quote, a backslash, or one below 32, of which
/// the upper three bits are zero.
fn first_special(word: u64) -> u64 {
    let quote = first_zero(word ^ (u64::from(b'"') * ONES));
    let escape = first_zero(word ^ (u64::from(b'\\') * ONES));
    quote | escape | first_zero(word & (0xE0 * ONES))
}

/// How many bytes there are before the first that is special, and how many of these are not ASCII.
pub(super) fn run_of(text: &[u8]) -> (usize, u64) {
    let (words, tail) = text.as_chunks::<8>();
    let (mut length, mut other) = (0, 0);
    for word in words.iter().take(SHORT / 8) {
        let word = u64::from_le_bytes(*word);
        let special = first_special(word);
        // All bits below the special byte's upper one.
        let before = special.wrapping_sub(1) & !special;
        if word & before & UPPER != 0 {
            other += u64::from((word & before & UPPER).count_ones());
        }
        if special != 0 {
            let bytes = special.trailing_zeros() / 8;
            return (length + usize::try_from(bytes).unwrap_or(0), other);
        }
        length += 8;
    }
    if length == SHORT {
        let rest = text.get(SHORT..).unwrap_or_default();
        let more = plain(rest);
        return (SHORT + more, other + rest.get(..more).map_or(0, other_bytes));
    }
    for byte in tail {
        if *byte < b' ' || *byte == b'"' || *byte == b'\\' {
            break;
        }
        other += u64::from(byte >> 7);
        length += 1;
    }
    (length, other)
}

/// How many bytes there are before the first that is special, where there are many.
fn plain(text: &[u8]) -> usize {
    let end = memchr::memchr2(b'"', b'\\', text).unwrap_or(text.len());
    let run = text.get(..end).unwrap_or_default();
    // A control character is an error, so the place is seldom looked for.
    if has_control(run) { run.iter().position(|byte| *byte < b' ').unwrap_or(end) } else { end }
}

/// Whether any byte is below 32.
fn has_control(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let found =
        words.iter().fold(0, |found, word| found | first_zero(u64::from_ne_bytes(*word) & (0xE0 * ONES)));
    found != 0 || rest.iter().any(|byte| *byte < b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_wherever_it_is() {
        for special in [b'"', b'\\', b'\n', 0, 31] {
            for length in [0, 1, 7, 8, 9, 31, 32, 33, 100, 1000] {
                let text =
                    [&vec![b'x'; length][..], &[special], b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"].concat();
                assert_eq!(run_of(&text), (length, 0), "{special} after {length}");
                assert_eq!(run_of(&text[..length]), (length, 0));
                let text =
                    [&vec![0x80; length][..], &[special], b"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"].concat();
                assert_eq!(run_of(&text), (length, length as u64), "{special} after {length}");
            }
        }
        assert_eq!(run_of("für 🚀 ".repeat(10).as_bytes()), (100, 60));
    }
}
