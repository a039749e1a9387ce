//! The places that detectors start from: runs of digits, and `@`. Text is mostly letters, and blocks of them are passed
//! over together.

/// One in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The upper bit of every byte.
const UPPER: u64 = 0x80 * ONES;
/// All but the upper bit.
const LOWER: u64 = 0x7F * ONES;
/// A product with it has the lowest bits of all bytes in its upper byte, the first one lowest.
const GATHER: u64 = 0x0102_0408_1020_4080;
/// Bytes of a block: a bit for each in a word.
const BLOCK: usize = 64;

/// One place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// The first digit, or `@`.
    pub(super) at: usize,
    /// How many digits follow each other from it on; none for `@`.
    pub(super) digits: usize,
}

/// All places of a text from `at` up to `end`, in order. Digits may go on behind that; those of a run that began before
/// are no place.
pub(super) struct Spots<'a> {
    text: &'a [u8],
    /// Where the next block begins.
    at: usize,
    end: usize,
    /// Whether the byte before it is a digit.
    inside: bool,
    /// Of the present block: which bytes are digits, and which are places that are not told yet.
    digits: u64,
    left: u64,
}

impl<'a> Spots<'a> {
    pub(super) fn new(text: &'a [u8], at: usize, end: usize) -> Self {
        let inside = at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(u8::is_ascii_digit);
        Self { text, at, end: end.min(text.len()), inside, digits: 0, left: 0 }
    }

    /// Reads the next block that holds a place; whether there is one.
    fn advance(&mut self) -> bool {
        while self.left == 0 && self.at < self.end {
            let part = self.text.get(self.at..self.end).unwrap_or_default();
            let (digits, ats) = match part.first_chunk::<BLOCK>() {
                Some(block) if !any(block) => (0, 0),
                Some(block) => masks(block),
                None => {
                    let mut block = [0; BLOCK];
                    block.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                    masks(&block)
                }
            };
            self.at += BLOCK;
            self.digits = digits;
            self.left = digits & !(digits << 1 | u64::from(self.inside)) | ats;
            self.inside = digits >> (BLOCK - 1) == 1;
        }
        self.left != 0
    }
}

impl Iterator for Spots<'_> {
    type Item = Spot;

    fn next(&mut self) -> Option<Spot> {
        if !self.advance() {
            return None;
        }
        let bit = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        let at = self.at - BLOCK + bit;
        let mut digits = (!(self.digits >> bit)).trailing_zeros() as usize;
        if at + digits >= self.at.min(self.end) {
            // The block, or the part that was asked for, ends in the middle of them.
            let rest = self.text.get(at + digits..).unwrap_or_default();
            digits += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
        Some(Spot { at, digits })
    }
}

/// Whether a block holds a digit or an `@`. The compiler makes this one pass over a vector.
fn any(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(false, |any, byte| any | (byte.wrapping_sub(b'0') < 10 || *byte == b'@'))
}

/// Which bytes of a block are digits, and which are `@`: a bit each, the first byte lowest.
fn masks(block: &[u8; BLOCK]) -> (u64, u64) {
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold((0, 0), |(digits, ats), word| {
        let word = u64::from_le_bytes(*word);
        // A byte is a digit if it is at most 9 after this, and the sum carries into no other byte.
        let low = word ^ (0x30 * ONES);
        let digit = !(((low & LOWER) + 0x76 * ONES) | low) & UPPER;
        let other = word ^ (u64::from(b'@') * ONES);
        let at = !(((other & LOWER) + LOWER) | other) & UPPER;
        let gather = |bits: u64| (bits >> 7).wrapping_mul(GATHER) >> 56;
        (digits << 8 | gather(digit), ats << 8 | gather(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn plainly(text: &[u8], from: usize, end: usize) -> Vec<Spot> {
        let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
        let run = |at: usize| (at..text.len()).take_while(|at| digit(*at)).count();
        let begins = |at: &usize| text[*at] == b'@' || digit(*at) && (*at == 0 || !digit(at - 1));
        (from..end.min(text.len())).filter(begins).map(|at| Spot { at, digits: run(at) }).collect()
    }

    #[test]
    fn every_byte_is_told_apart_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for place in 0..140 {
                let mut text = vec![b'x'; 140];
                text[place] = byte;
                let found: Vec<_> = Spots::new(&text, 0, 140).collect();
                assert_eq!(found, plainly(&text, 0, 140), "{byte} at {place}");
            }
        }
        assert_eq!(Spots::new(b"", 0, 0).next(), None);
    }

    proptest! {
        #[test]
        fn runs_are_found_whole_wherever_blocks_end(
            text in "([0-9]{0,90}|[@0-9a-z,]{0,40}|[ -~é]{0,70}){0,5}",
            from in 0..80_usize,
            length in 0..400_usize,
        ) {
            let text = text.as_bytes();
            let found: Vec<_> = Spots::new(text, from, from + length).collect();
            prop_assert_eq!(found, plainly(text, from, from + length));
        }
    }
}
