//! The end of an answer that is too long to be kept.

use crate::account::Tokens;
use crate::sse::usage_of;
use bytes::Bytes;
use memchr::memmem;

/// What is looked at: the usage comes last, with little besides it.
const AT_LEAST: usize = 16 * 1024;
/// Bytes of text that are about one token.
const BYTES_PER_TOKEN: usize = 4;

/// The last bytes of an answer; at most twice as many are held as are looked at.
#[derive(Debug, Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    /// The end of these pieces.
    pub(super) fn of(pieces: &[Bytes]) -> Self {
        let mut length = 0;
        let reaches = |piece: &Bytes| {
            length += piece.len();
            length >= AT_LEAST
        };
        let from = pieces.iter().rposition(reaches).unwrap_or(0);
        let mut tail = Self::default();
        pieces.iter().skip(from).for_each(|piece| tail.push(piece));
        tail
    }

    /// What comes after it.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let Self(bytes) = self;
        bytes.extend_from_slice(piece.get(piece.len().saturating_sub(AT_LEAST)..).unwrap_or_default());
        if bytes.len() > 2 * AT_LEAST {
            bytes.drain(..bytes.len() - AT_LEAST);
        }
    }

    /// All of an answer of this length, if it is.
    pub(super) fn whole(&self, length: usize) -> Option<&[u8]> {
        let Self(bytes) = self;
        (bytes.len() == length).then_some(bytes)
    }

    /// The usage in it.
    pub(super) fn usage(&self) -> Option<Tokens> {
        let Self(bytes) = self;
        usage_of(bytes.get(memmem::rfind(bytes, b"\"usage\"")?..)?)
    }
}

/// The tokens of an answer of so many bytes, about.
pub(super) fn estimate(length: usize) -> u64 {
    u64::try_from(length / BYTES_PER_TOKEN).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_at_the_end_is_found_however_the_answer_is_cut() {
        let text = r#"said \"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1} "#.repeat(2000);
        let end =
            r#"","x":1}],"usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16},"id":"x"}"#;
        let answer = Bytes::from(format!(r#"{{"choices":[{{"text":"{text}{end}"#));
        for size in [1, 7, 1000, 20_000, answer.len()] {
            let pieces: Vec<_> = answer.chunks(size).map(Bytes::copy_from_slice).collect();
            for kept in [0, pieces.len() / 2, pieces.len()] {
                let mut tail = Tail::of(&pieces[..kept]);
                pieces[kept..].iter().for_each(|piece| tail.push(piece));
                assert!(tail.0.len() <= 2 * AT_LEAST && tail.whole(answer.len()).is_none());
                let tokens = tail.usage().unwrap();
                assert_eq!((tokens.prompt, tokens.completion), (7, 9), "pieces of {size}");
            }
        }
        assert_eq!(Tail::of(&[Bytes::from(text)]).usage(), None);
    }
}
