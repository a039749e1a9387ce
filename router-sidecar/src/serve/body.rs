//! The body of an answer: known whole, or relayed as it comes.

use super::hold::Waiting;
use super::resume::{Going, Resume};
use crate::account::{Leg, Outcome, Record};
use crate::error::{Code, Rejection};
use crate::upstream::{Answer, Failure, Reading, Rest};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// What clients get.
#[derive(Debug)]
pub enum AnswerBody {
    /// All there is.
    Whole(Option<Bytes>),
    /// Still coming.
    Relayed(Box<Relayed>),
    /// Begun before there is an answer.
    Waiting(Box<Waiting>),
}

/// An answer that broke off where the client cannot be told in band; the connection is closed on it.
#[derive(Debug, thiserror::Error)]
#[error("the backend's answer broke off")]
pub struct BrokenOff;

impl AnswerBody {
    /// A body that is there.
    pub fn whole(body: Bytes) -> Self {
        Self::Whole(Some(body))
    }

    /// A body whose first piece is there.
    pub(super) fn relayed(
        ready: VecDeque<Bytes>,
        reading: Reading,
        rest: Option<Rest>,
        record: Box<Record>,
        resume: Option<Resume>,
        total: Instant,
    ) -> Self {
        let last = Instant::now();
        let idle = record.policy().timeouts.idle;
        let mut relayed = Box::new(Relayed {
            ready,
            reading,
            rest,
            resume,
            going: None,
            idle,
            total,
            last,
            timer: None,
            broken: false,
            record,
        });
        relayed.look();
        Self::Relayed(relayed)
    }
}

/// An answer on its way from a target to the client. Dropping it closes the target's connection and, with the
/// record, settles the request: that is what happens when the client leaves.
#[derive(Debug)]
pub struct Relayed {
    ready: VecDeque<Bytes>,
    reading: Reading,
    rest: Option<Rest>,
    /// How to go on if it breaks off, if that is wanted.
    resume: Option<Resume>,
    /// Going on.
    going: Option<Going>,
    idle: Duration,
    total: Instant,
    last: Instant,
    /// One timer for both deadlines, once anything is waited for; moved only when it fires, since moving it for every
    /// piece costs more.
    timer: Option<Pin<Box<Sleep>>>,
    /// Fail once what is ready has gone out.
    broken: bool,
    record: Box<Record>,
}

impl Relayed {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if self.broken {
                self.broken = false;
                return Poll::Ready(Some(Err(BrokenOff)));
            }
            if let Some(going) = &mut self.going {
                let result = ready!(going.answer.as_mut().poll(cx));
                self.go_on(result);
                continue;
            }
            let Some(rest) = &mut self.rest else {
                return Poll::Ready(None);
            };
            match rest.poll_piece(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    self.last = Instant::now();
                    let over = rest.is_done();
                    self.reading.push(piece, &mut self.ready);
                    if over {
                        // Nobody asks for what follows the last byte of a known length.
                        self.finish();
                    }
                    self.look();
                    // Who is always ahead of its client is never waited for.
                    if self.rest.is_some() && self.last >= self.total {
                        self.end_early(Outcome::TimedOut, Code::UpstreamTimeout);
                    }
                }
                Poll::Ready(None) => {
                    self.finish();
                    self.look();
                }
                Poll::Ready(Some(Err(_))) => {
                    self.blame();
                    self.end_early(Outcome::Cut, Code::UpstreamError);
                }
                Poll::Pending => {
                    ready!(self.poll_deadline(cx));
                    // A generation that is long is not one that hangs.
                    if Instant::now() < self.total {
                        self.blame();
                    }
                    self.end_early(Outcome::TimedOut, Code::UpstreamTimeout);
                }
            }
        }
    }

    /// All of the body was read.
    fn finish(&mut self) {
        self.rest = None;
        self.reading.finish(&mut self.ready);
    }

    /// Ends the answer if what was read so far is its end: all of the body, or an error.
    fn look(&mut self) {
        let (over, failed) = (self.rest.is_none(), self.reading.failed());
        if failed && self.reading.text().is_none() {
            // The client has the target's own words.
            if over {
                self.record.broke_off();
                self.end(Outcome::Cut);
            }
        } else if failed || (over && !self.reading.is_whole()) {
            self.blame();
            self.end_early(Outcome::Cut, Code::UpstreamError);
        } else if over {
            self.end(Outcome::Complete);
        }
    }

    /// Ready once a deadline has really passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.total.min(self.last + self.idle);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }

    /// Known once all of it is there.
    fn size_hint(&self) -> SizeHint {
        if self.rest.is_some() || self.going.is_some() || self.broken {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.ready.iter().map(|piece| piece.len() as u64).sum())
    }

    /// The endpoint is at fault, unless the answer was complete but for its end.
    fn blame(&mut self) {
        if !self.reading.done() {
            self.record.broke_off();
        }
    }

    /// The record gets what was seen of the answer.
    fn note(&mut self) {
        let (tokens, pieces) = self.reading.seen();
        self.record.saw(tokens, pieces);
        self.record.described(self.reading.take_description());
    }

    fn end(&mut self, outcome: Outcome) {
        self.rest = None;
        self.record.ended(outcome);
    }

    /// The answer stops in the middle. A client that reads events is told by one; another sees the connection
    /// break, which no parser takes for a complete answer.
    fn end_early(&mut self, outcome: Outcome, code: Code) {
        if self.reading.done() {
            self.end(Outcome::Complete);
            return;
        }
        self.end(outcome);
        if let Some(resume) = self.resume.take() {
            self.note();
            if let Some(going) = resume.start(&mut self.record, &self.reading, self.total) {
                self.going = Some(going);
                // What was read so far is counted; what is read from here on belongs to the next attempt.
                self.reading = Reading::nothing();
                return;
            }
        }
        self.tell(code);
    }

    /// Another target goes on, or not.
    fn go_on(&mut self, result: Result<Answer, Failure>) {
        let Some(going) = self.going.take() else {
            return;
        };
        match result.and_then(that_goes_on) {
            Ok(answer) => {
                self.record.answered(answer.status);
                going.remember();
                self.ready.push_back(going.comment);
                self.ready.extend(answer.ready);
                self.reading = answer.reading;
                self.rest = answer.rest;
                self.last = Instant::now();
                self.look();
            }
            Err(failure) => {
                self.record.failed(Leg::Main, failure);
                self.tell(Code::UpstreamError);
            }
        }
    }

    /// The client is told that this was all, unless the target itself has told it.
    fn tell(&mut self, code: Code) {
        if self.reading.failed() && self.reading.text().is_none() {
            return;
        }
        if self.reading.is_stream() {
            let message = "the backend's answer stopped before its end";
            let body = Rejection::new(code, message).body();
            let event = [&b"\n\ndata: "[..], &body[..], b"\n\n"].concat();
            self.ready.push_back(event.into());
        } else {
            self.broken = true;
        }
    }
}

/// Who answers, but not with a stream, is well: some engines refuse a prompt that ends with the beginning of an answer.
fn that_goes_on(answer: Answer) -> Result<Answer, Failure> {
    if answer.status.is_success() && answer.reading.is_stream() {
        Ok(answer)
    } else {
        Err(Failure::NotContinued(answer.status))
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        if self.rest.is_some() {
            // Many clients hang up at `[DONE]` or at the end of their choice, before the end of the body, and at an error.
            if self.reading.done() {
                self.record.ended(Outcome::Complete);
            } else if self.reading.failed() {
                self.record.broke_off();
                self.record.ended(Outcome::Cut);
            }
        }
        self.note();
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Relayed(relayed) => {
                relayed.poll_piece(cx).map(|piece| piece.map(|result| result.map(Frame::data)))
            }
            Self::Waiting(waiting) => {
                waiting.poll_piece(cx).map(|piece| piece.map(|result| result.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_none(),
            Self::Relayed(relayed) => {
                relayed.ready.is_empty()
                    && relayed.rest.is_none()
                    && relayed.going.is_none()
                    && !relayed.broken
            }
            Self::Waiting(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Relayed(relayed) => relayed.size_hint(),
            Self::Waiting(_) => SizeHint::default(),
        }
    }
}
