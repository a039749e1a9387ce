//! The next byte that a detector may start from. Text is mostly letters, and blocks of them are passed over together.

/// One in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The upper bit of every byte.
const UPPER: u64 = 0x80 * ONES;
/// All but the upper bit.
const LOWER: u64 = 0x7F * ONES;

/// Bytes that are looked at one by one.
const CLOSE: usize = 4;

/// The place of the first digit or `@`.
pub(super) fn next(text: &[u8]) -> Option<usize> {
    // Numbers come in crowds: where one was, the next one is close.
    if let Some(at) = text.iter().take(CLOSE).position(|byte| is_anchor(*byte)) {
        return Some(at);
    }
    let (blocks, tail) = text.as_chunks::<32>();
    for (number, block) in blocks.iter().enumerate() {
        // The compiler makes this one pass over a vector.
        let any = block.iter().fold(false, |any, byte| any | is_anchor(*byte));
        if any {
            return first(block).map(|at| number * 32 + at);
        }
    }
    tail.iter().position(|byte| is_anchor(*byte)).map(|at| blocks.len() * 32 + at)
}

fn is_anchor(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10 || byte == b'@'
}

fn first(block: &[u8; 32]) -> Option<usize> {
    let (words, _) = block.as_chunks::<8>();
    words.iter().enumerate().find_map(|(number, word)| {
        let word = u64::from_le_bytes(*word);
        // A byte is a digit if it is at most 9 after this, and the sum carries into no other byte.
        let digits = word ^ (0x30 * ONES);
        let digit = !(((digits & LOWER) + 0x76 * ONES) | digits) & UPPER;
        let ats = word ^ (u64::from(b'@') * ONES);
        let at = !(((ats & LOWER) + LOWER) | ats) & UPPER;
        let found = digit | at;
        (found != 0).then(|| number * 8 + usize::try_from(found.trailing_zeros() / 8).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_apart_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for place in 0..80 {
                let mut text = vec![b'x'; 80];
                text[place] = byte;
                assert_eq!(next(&text), is_anchor(byte).then_some(place), "{byte} at {place}");
            }
        }
        assert_eq!(next(b""), None);
    }
}
