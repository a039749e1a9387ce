//! Events on their way to the client: passed on as slices of what came, whole events only, minus the usage chunk
//! that nobody asked for. The second part of an answer is told as if it were of the first.

use super::ends::Ends;
use super::inspect::{Seen, data_of};
use super::scan::Scanner;
use super::{Described, Identity, Part};
use crate::account::Tokens;
use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;
use std::collections::VecDeque;

/// What is held of an event that has not ended. A longer one passes as it comes: it cannot be a usage chunk.
const HOLD_AT_MOST: usize = 64 * 1024;

/// Splits, reads and passes on one stream.
#[derive(Debug)]
pub struct EventRelay {
    scanner: Scanner,
    /// The beginning of an event whose end has not come.
    held: BytesMut,
    /// Whether the current event outgrew the hold and passes unread.
    overflow: bool,
    /// Whether the usage chunk is kept from the client.
    hide_usage: bool,
    part: Part,
    /// The last usage reported.
    pub tokens: Option<Tokens>,
    /// Chunks with text.
    pub pieces: u64,
    /// Whether an event with content has come, or one that is not known to have none.
    pub begun: bool,
    /// The data of the error that the stream reported, if it did.
    pub error: Option<Bytes>,
    /// How far the stream is.
    pub progress: Progress,
    ends: Ends,
    /// What the stream says of itself, if anybody wants to know.
    pub described: Option<Box<Described>>,
}

/// What becomes of an event.
enum Fate {
    Pass,
    Drop,
    Instead(Bytes),
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Under way, or not begun.
    Open,
    /// An event went by that was too long to be read: choices may have ended in it.
    Unread,
    /// All choices ended. Some targets say no more than that.
    Finished,
    /// It reported an error. Nothing that follows it goes to the client.
    Failed,
    /// `[DONE]` came.
    Done,
}

impl EventRelay {
    /// A relay for one answer.
    pub fn new(hide_usage: bool) -> Self {
        Self {
            scanner: Scanner::default(),
            held: BytesMut::new(),
            overflow: false,
            hide_usage,
            part: Part::Alone,
            tokens: None,
            pieces: 0,
            begun: false,
            error: None,
            progress: Progress::Open,
            ends: Ends::of(1),
            described: None,
        }
    }

    /// A relay for one of the parts of an answer.
    #[must_use]
    pub fn of(part: Part, hide_usage: bool) -> Self {
        Self { part, ..Self::new(hide_usage) }
    }

    /// It is a stream of so many choices.
    pub fn expect(&mut self, choices: u32) {
        self.ends = Ends::of(choices);
    }

    /// The text that the client got so far, if another stream can go on after it.
    pub fn text(&self) -> Option<&str> {
        match &self.part {
            Part::First(transcript) => transcript.text(),
            Part::Alone | Part::Second(_) => None,
        }
    }

    /// What the client knows the stream by, if another stream can go on after it.
    pub fn identity(&self) -> Identity {
        match &self.part {
            Part::First(transcript) => transcript.identity(),
            Part::Alone | Part::Second(_) => Identity::default(),
        }
    }

    /// Takes the next piece of the stream and appends what may go to the client.
    pub fn push(&mut self, piece: &Bytes, out: &mut VecDeque<Bytes>) {
        // Consecutive events of one piece that may pass go out as one slice.
        let mut run_start = 0;
        let mut at = 0;
        while let Some(length) = self.scanner.next_end(&piece[at..]) {
            let end = at + length;
            if self.overflow {
                self.overflow = false;
                if self.is_open() {
                    self.progress = Progress::Unread;
                }
            } else if self.held.is_empty() {
                let fate = self.inspect(&piece[at..end]);
                if !matches!(fate, Fate::Pass) {
                    pass(piece, run_start..at, out);
                    run_start = end;
                }
                if let Fate::Instead(event) = fate {
                    out.push_back(event);
                }
            } else {
                self.held.extend_from_slice(&piece[at..end]);
                self.end_held(out);
                run_start = end;
            }
            at = end;
        }
        if self.overflow {
            pass(piece, run_start..piece.len(), out);
            return;
        }
        pass(piece, run_start..at, out);
        self.held.extend_from_slice(&piece[at..]);
        if self.held.len() > HOLD_AT_MOST {
            if self.progress == Progress::Failed {
                self.held.clear();
                return;
            }
            self.begun = true;
            self.overflow = true;
            if let Part::First(transcript) = &mut self.part {
                transcript.close();
            }
            out.push_back(std::mem::take(&mut self.held).freeze());
        }
    }

    /// The body ended: what is held is a last event without its empty line, or the beginning of one that was cut.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        if self.is_open() && !data_of(&self.held).is_some_and(is_whole) {
            self.held.clear();
        }
        if !self.held.is_empty() {
            self.end_held(out);
        }
    }

    /// Whether it has not said in any way that it is at its end.
    pub fn is_open(&self) -> bool {
        self.progress == Progress::Open
    }

    /// Whether all of the answer has come, even if the stream does not get to its own end.
    pub fn is_complete(&self) -> bool {
        matches!(self.progress, Progress::Finished | Progress::Done)
    }

    /// The event that is held has ended.
    fn end_held(&mut self, out: &mut VecDeque<Bytes>) {
        let event = self.held.split().freeze();
        match self.inspect(&event) {
            Fate::Pass => out.push_back(event),
            Fate::Instead(other) => out.push_back(other),
            Fate::Drop => {}
        }
    }

    /// Reads an event and decides what becomes of it.
    fn inspect(&mut self, event: &[u8]) -> Fate {
        if let Some(described) = &mut self.described
            && let Some(data) = data_of(event)
        {
            described.add(data);
        }
        if !self.may_pass(event) {
            return Fate::Drop;
        }
        match &self.part {
            Part::Second(before) => before.put_on(event).map_or(Fate::Pass, Fate::Instead),
            Part::Alone | Part::First(_) => Fate::Pass,
        }
    }

    /// Reads an event; false if it must not go to the client.
    fn may_pass(&mut self, event: &[u8]) -> bool {
        let seen = Seen::in_event(event, !self.begun);
        if self.progress == Progress::Failed {
            // An error is the end, whatever an engine says after it: most say `[DONE]`. Usage still counts.
            self.note(seen.usage());
            return false;
        }
        self.begun |= !matches!(seen, Seen::Nothing | Seen::Prelude { .. } | Seen::Error);
        self.note(seen.usage());
        match seen {
            Seen::Prelude { .. } if matches!(self.part, Part::Second(_)) => return false,
            Seen::Nothing | Seen::Prelude { .. } => {}
            Seen::Chunk { text, .. } => {
                self.pieces += u64::from(text);
                self.look_for_end(event);
            }
            Seen::UsageOnly(_) => return !self.hide_usage,
            Seen::Error => {
                self.progress = Progress::Failed;
                self.error = data_of(event).map(Bytes::copy_from_slice);
                // A stream that can go on elsewhere has not failed yet, as far as the client is concerned.
                return self.text().is_none();
            }
            Seen::Done => self.progress = Progress::Done,
        }
        if let Part::First(transcript) = &mut self.part
            && let Some(data) = data_of(event)
        {
            transcript.add(data);
        }
        true
    }

    /// The last usage counts. One of nothing at all, as some have in every chunk until they know it, is none.
    fn note(&mut self, usage: Option<Tokens>) {
        self.tokens = usage.filter(|tokens| *tokens != Tokens::default()).or(self.tokens);
    }

    fn look_for_end(&mut self, event: &[u8]) {
        if matches!(self.progress, Progress::Open | Progress::Unread) && self.ends.add(event) {
            self.progress = Progress::Finished;
        }
    }
}

/// Whether data is what an event may hold rather than the beginning of it.
fn is_whole(data: &[u8]) -> bool {
    data == b"[DONE]" || serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

fn pass(piece: &Bytes, range: std::ops::Range<usize>, out: &mut VecDeque<Bytes>) {
    if !range.is_empty() {
        out.push_back(piece.slice(range));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"für 🚀\"}}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    fn relay(stream: &str, size: usize, hide: bool) -> (EventRelay, Vec<u8>) {
        let (mut relay, mut out) = (EventRelay::new(hide), VecDeque::new());
        for piece in stream.as_bytes().chunks(size) {
            relay.push(&Bytes::copy_from_slice(piece), &mut out);
        }
        relay.finish(&mut out);
        (relay, out.into_iter().flatten().collect())
    }

    #[test]
    fn the_usage_chunk_is_counted_and_hidden_whatever_the_cuts() {
        let stream = format!("{CHUNK}: ping\n\n{CHUNK}{USAGE}{DONE}");
        let expected = format!("{CHUNK}: ping\n\n{CHUNK}{DONE}");
        for size in 1..=stream.len() {
            let (seen, out) = relay(&stream, size, true);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "pieces of {size} bytes");
            assert_eq!(seen.tokens, Some(Tokens::new(7, 2)));
            assert_eq!((seen.pieces, seen.begun, seen.progress), (2, true, Progress::Done));
            let (_, out) = relay(&stream, size, false);
            assert_eq!(out, stream.as_bytes(), "pieces of {size} bytes");
        }
    }

    #[test]
    fn whole_events_of_one_piece_go_out_as_one_slice() {
        let (mut relay, mut out) = (EventRelay::new(true), VecDeque::new());
        relay.push(&Bytes::from(format!("{CHUNK}{CHUNK}{CHUNK}")), &mut out);
        assert_eq!(out.len(), 1);
    }

    #[test]
    fn a_giant_event_passes_without_being_held() {
        let giant = format!("data: {{\"choices\":[{{\"delta\":\"{}\"}}]}}\n\n", "x".repeat(1 << 20));
        let stream = format!("{giant}{USAGE}{CHUNK}");
        let (mut relay, mut out) = (EventRelay::new(true), VecDeque::new());
        let mut largest = 0;
        for piece in stream.as_bytes().chunks(4096) {
            relay.push(&Bytes::copy_from_slice(piece), &mut out);
            largest = largest.max(relay.held.len());
        }
        assert!(largest <= HOLD_AT_MOST + 4096);
        let out: Vec<u8> = out.into_iter().flatten().collect();
        assert_eq!(out, format!("{giant}{CHUNK}").as_bytes());
        assert!(relay.tokens.is_some());
        assert_eq!(relay.progress, Progress::Unread, "a choice may have ended in it");
        assert!(!relay.is_open() && !relay.is_complete());
        let (mut cut, mut out) = (EventRelay::new(true), VecDeque::new());
        cut.push(&Bytes::from("x".repeat(HOLD_AT_MOST + 1)), &mut out);
        cut.finish(&mut out);
        assert_eq!(cut.progress, Progress::Open, "it did not end itself");
    }

    #[test]
    fn a_last_event_that_was_cut_is_nothing() {
        for (stream, shown) in [
            (format!("{CHUNK}data: {{\"choices\":[{{\"delta\":{{\"content\":\"a"), CHUNK.to_owned()),
            (format!("{CHUNK}da"), CHUNK.to_owned()),
            // Who has said that it is done has sent what it wanted to.
            (format!("{CHUNK}{DONE}: by"), format!("{CHUNK}{DONE}: by")),
        ] {
            for size in 1..=stream.len() {
                let (seen, out) = relay(&stream, size, true);
                assert_eq!((seen.pieces, out.as_slice()), (1, shown.as_bytes()), "pieces of {size} bytes");
            }
        }
    }

    #[test]
    fn a_stream_has_ended_once_a_choice_has() {
        let ended = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n";
        let quoted = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"finish_reason\\\":\\\"stop\\\"\"},\"finish_reason\":null}]}\n\n";
        for (stream, progress) in [
            (CHUNK.to_owned(), Progress::Open),
            (quoted.to_owned(), Progress::Open),
            (format!("{CHUNK}{ended}{USAGE}"), Progress::Finished),
            (format!("data: {}\n\n{ended}", "x".repeat(2 * HOLD_AT_MOST)), Progress::Finished),
            (format!("{ended}{DONE}"), Progress::Done),
            (format!("{}{CHUNK}", ended.replace("\"stop\"", "\"\"")), Progress::Open),
            (format!("{}{CHUNK}", ended.replace("\"stop\"", "\"null\"")), Progress::Open),
        ] {
            assert_eq!(relay(&stream, 10, true).0.progress, progress, "{stream}");
        }
    }

    #[test]
    fn usage_in_every_chunk_is_the_last_one_and_zeros_are_none() {
        let with = |delta: &str, prompt: u64, completion: u64| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{delta}}}],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion}}}}}\n\n"
            )
        };
        let (role, word) = ("{\"role\":\"assistant\"}", "{\"content\":\"a\"}");
        let counted = format!("{}{}{}", with(role, 7, 0), with(word, 7, 1), with(word, 7, 2));
        let (seen, _) = relay(&counted, 10, false);
        assert_eq!((seen.tokens, seen.pieces), (Some(Tokens::new(7, 2)), 2));
        assert!(!relay(&with(role, 7, 0), 10, false).0.begun, "the role alone is no content");
        let (seen, _) = relay(&format!("{}{}", with(word, 0, 0), with(word, 0, 0)), 10, false);
        assert_eq!((seen.tokens, seen.pieces), (None, 2));
    }

    #[test]
    fn nothing_that_follows_an_error_counts_but_usage() {
        let error = "data: {\"error\":{\"message\":\"out of pages\"}}\n\n";
        for (before, begun) in [("", false), (CHUNK, true)] {
            let stream = format!("{before}{error}{USAGE}{CHUNK}{DONE}");
            for size in 1..=stream.len() {
                let (seen, out) = relay(&stream, size, false);
                assert_eq!(out, format!("{before}{error}").as_bytes(), "pieces of {size} bytes");
                assert_eq!((seen.begun, seen.progress), (begun, Progress::Failed), "pieces of {size} bytes");
                assert_eq!(seen.tokens, Some(Tokens::new(7, 2)));
            }
        }
    }

    #[test]
    fn what_follows_an_error_is_dropped_however_long_it_is() {
        let error = "data: {\"error\":{\"message\":\"out of pages\"}}\n\n";
        let stream = format!("{error}data: {}\n\n{DONE}", "x".repeat(3 * HOLD_AT_MOST));
        let (seen, out) = relay(&stream, 10_000, false);
        assert_eq!((seen.begun, out.as_slice()), (false, error.as_bytes()));
    }

    #[test]
    fn a_last_event_without_its_empty_line_still_counts() {
        let (seen, out) = relay(&format!("{CHUNK}{}", USAGE.trim_end()), 10, true);
        assert!(seen.tokens.is_some());
        assert_eq!(out, CHUNK.as_bytes());
    }
}
