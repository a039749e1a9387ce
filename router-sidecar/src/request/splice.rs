//! A body with a few bytes exchanged: the pieces between the changes are slices of the original, not copies.

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

/// How `stream_options.include_usage` gets set, or goes away with all other options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageEdit {
    /// There is no `stream_options`: add it here, after a value of the outer object.
    AddOptions(usize),
    /// It is `null`: exchange it.
    ReplaceOptions(Range<usize>),
    /// It has no `include_usage`: add it here, right after the brace.
    AddFlag {
        /// The place.
        at: usize,
        /// Whether the object is empty otherwise.
        alone: bool,
    },
    /// `include_usage` is something else: exchange its value.
    ReplaceFlag(Range<usize>),
    /// The target knows no `stream_options`: leave the field out.
    CutOptions(Range<usize>),
}

impl UsageEdit {
    /// Leaves out a field of the outer object, given the place of its value: with the comma before it, or else the one
    /// after it. `None` if there is no such field.
    pub fn cut(body: &[u8], value: Range<usize>) -> Option<Self> {
        let quotes = |end: usize| body.get(..end)?.iter().rposition(|byte| *byte == b'"');
        // The name has no quotes in it, however it is written.
        let name = quotes(quotes(value.start)?)?;
        let before = body.get(..name)?.trim_ascii_end();
        if let Some(rest) = before.strip_suffix(b",") {
            return Some(Self::CutOptions(rest.len()..value.end));
        }
        let after = body.get(value.end..)?.trim_ascii_start();
        let end = after.strip_prefix(b",").map_or(value.end, |rest| body.len() - rest.len());
        Some(Self::CutOptions(name..end))
    }

    fn change(&self) -> (Range<usize>, &'static str) {
        match self {
            Self::AddOptions(at) => (*at..*at, r#","stream_options":{"include_usage":true}"#),
            Self::ReplaceOptions(range) => (range.clone(), r#"{"include_usage":true}"#),
            Self::AddFlag { at, alone: true } => (*at..*at, r#""include_usage":true"#),
            Self::AddFlag { at, alone: false } => (*at..*at, r#""include_usage":true,"#),
            Self::ReplaceFlag(range) => (range.clone(), "true"),
            Self::CutOptions(range) => (range.clone(), ""),
        }
    }
}

/// The body with another model name, and with the usage report asked for.
pub fn splice(body: &Bytes, model_at: Range<usize>, model_json: Bytes, usage: Option<&UsageEdit>) -> Spliced {
    let usage = usage.map(UsageEdit::change);
    let mut changes =
        [Some((model_at, model_json)), usage.map(|(at, text)| (at, Bytes::from_static(text.as_bytes())))];
    // In the order of the bytes. An addition right at the model's end comes after it, since its start is greater.
    changes.sort_by_key(|change| change.as_ref().map(|(at, _)| at.start));
    let mut pieces = VecDeque::with_capacity(5);
    let mut done = 0;
    for (at, text) in changes.into_iter().flatten() {
        pieces.push_back(body.slice(done..at.start));
        pieces.push_back(text);
        done = at.end;
    }
    pieces.push_back(body.slice(done..));
    pieces.retain(Buf::has_remaining);
    Spliced { left: pieces.iter().map(|piece| piece.len() as u64).sum(), pieces }
}

/// A body in pieces, of known length.
#[derive(Debug, Default)]
pub struct Spliced {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl From<Bytes> for Spliced {
    /// A body in one piece.
    fn from(body: Bytes) -> Self {
        Self { left: body.len() as u64, pieces: VecDeque::from([body]) }
    }
}

impl Spliced {
    /// Bytes that are left.
    pub fn length(&self) -> u64 {
        self.left
    }

    /// The pieces that are left.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        self.pieces.into_iter()
    }
}

impl Body for Spliced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        if let Some(piece) = &piece {
            self.left -= piece.len() as u64;
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::peek;

    fn spliced(body: &'static str) -> String {
        let seen = peek(body.as_bytes()).unwrap();
        let body = Bytes::from_static(body.as_bytes());
        let spliced = splice(&body, seen.model_at, Bytes::from_static(b"\"x\""), seen.usage_edit.as_ref());
        assert_eq!(spliced.size_hint().exact(), Some(spliced.pieces.iter().map(|p| p.len() as u64).sum()));
        spliced.pieces.iter().map(|p| std::str::from_utf8(p).unwrap()).collect()
    }

    #[test]
    fn only_the_model_and_the_usage_flag_change() {
        for (before, after) in [
            (r#"{ "a":1,"model":"m","z": [ 1 ]}"#, r#"{ "a":1,"model":"x","z": [ 1 ]}"#),
            (
                r#"{"model":"m","stream":true}"#,
                r#"{"model":"x","stream_options":{"include_usage":true},"stream":true}"#,
            ),
            (
                r#"{"stream_options":null,"stream":true,"model":"m"}"#,
                r#"{"stream_options":{"include_usage":true},"stream":true,"model":"x"}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{ },"model":"m"}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true },"model":"x"}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"y":2}}"#,
                r#"{"model":"x","stream":true,"stream_options":{"include_usage":true,"y":2}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#,
                r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":null}}"#,
                r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
                r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"m","stream":false,"stream_options":{}}"#,
                r#"{"model":"x","stream":false,"stream_options":{}}"#,
            ),
        ] {
            assert_eq!(spliced(before), after);
        }
    }

    #[test]
    fn a_target_without_options_gets_none() {
        let cut = |body: &'static str| {
            let seen = peek(body.as_bytes()).unwrap();
            let edit = seen.options_at.and_then(|at| UsageEdit::cut(body.as_bytes(), at));
            let body = Bytes::from_static(body.as_bytes());
            let spliced = splice(&body, seen.model_at, Bytes::from_static(b"\"x\""), edit.as_ref());
            spliced.pieces.iter().map(|p| std::str::from_utf8(p).unwrap()).collect::<String>()
        };
        for (before, after) in [
            (r#"{"model":"m","stream":true}"#, r#"{"model":"x","stream":true}"#),
            (r#"{"model":"m","stream_options":{"a":[","]},"stream":true}"#, r#"{"model":"x","stream":true}"#),
            (r#"{"stream_options" : null , "model":"m"}"#, r#"{ "model":"x"}"#),
            (r#"{ "model":"m" , "stream_options": {"include_usage":true} }"#, r#"{ "model":"x"  }"#),
            (r#"{"model":"m","stream\u005foptions":{}}"#, r#"{"model":"x"}"#),
            (r#"{"stream_options":7,"model":"m","stream":false}"#, r#"{"model":"x","stream":false}"#),
        ] {
            assert_eq!(cut(before), after);
        }
    }
}
