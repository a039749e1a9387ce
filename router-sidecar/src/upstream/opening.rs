//! How an answer that comes whole begins: some APIs report an error in its place, with a good status.

use http::StatusCode;

/// The beginnings of errors, without white space: OpenAI's, and that of vLLM and SGLang before they nested it.
const ERRORS: [&[u8]; 2] = [b"{\"error\":", b"{\"object\":\"error\""];
/// The longest of them.
const LONGEST: usize = 17;

/// The first bytes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// So far nothing, or less than the beginning of an error.
    Open {
        /// What came, but for white space.
        said: [u8; LONGEST],
        /// How much of that came.
        length: usize,
    },
    /// Nothing yet, of an answer that says by its status what it is.
    Told,
    /// That of an error. It may be something else all the same: its end tells.
    Error,
    /// That of anything else.
    Other,
}

impl Opening {
    /// Nothing has come of an answer with such a status.
    pub fn of(status: StatusCode) -> Self {
        if status.is_success() { Self::Open { said: [0; LONGEST], length: 0 } } else { Self::Told }
    }

    /// Takes what comes next.
    pub fn read(&mut self, piece: &[u8]) {
        for byte in piece.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let Self::Open { said, length } = self else {
                if *self == Self::Told {
                    *self = Self::Other;
                }
                return;
            };
            if let Some(next) = said.get_mut(*length) {
                *next = *byte;
                *length += 1;
            }
            let said = said.get(..*length).unwrap_or_default();
            if ERRORS.contains(&said) {
                *self = Self::Error;
            } else if !ERRORS.iter().any(|error| error.starts_with(said)) {
                *self = Self::Other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str, size: usize) -> Opening {
        let mut opening = Opening::of(StatusCode::OK);
        answer.as_bytes().chunks(size).for_each(|piece| opening.read(piece));
        opening
    }

    #[test]
    fn an_error_is_told_by_its_first_bytes_whatever_the_cuts() {
        assert_eq!(ERRORS.map(<[u8]>::len).into_iter().max(), Some(LONGEST));
        for (answer, expected) in [
            (r#"{"error":{"message":"x"}}"#, Opening::Error),
            ("\n { \"error\" : null }", Opening::Error),
            (r#"{"object": "error", "message": "x"}"#, Opening::Error),
            (r#"{"object":"chat.completion"}"#, Opening::Other),
            (r#"{"errors":[]}"#, Opening::Other),
            (r#"{"id":"x"}"#, Opening::Other),
            ("[1]", Opening::Other),
            ("it is text", Opening::Other),
        ] {
            for size in 1..=answer.len() {
                assert_eq!(read(answer, size), expected, "{answer} in pieces of {size}");
            }
        }
        for open in ["", " \r\n\t", "{", r#"{"error"#, r#"{"object":"err"#] {
            assert!(matches!(read(open, 1), Opening::Open { .. }), "{open}");
        }
        let mut refusal = Opening::of(StatusCode::NOT_FOUND);
        refusal.read(b"\n");
        assert_eq!(refusal, Opening::Told);
        refusal.read(b"{\"error\":");
        assert_eq!(refusal, Opening::Other);
    }
}
