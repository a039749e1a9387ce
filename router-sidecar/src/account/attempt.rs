//! One attempt at one endpoint, and what it comes to.

use super::Tokens;
use crate::budget::Reservation;
use crate::snapshot::{Backend, BackendIndex, Health, InFlight, Probe};
use crate::spans::LegSpan;
use crate::upstream::{Sent, Slot};
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To its end.
    Complete,
    /// The client left before the end.
    ClientGone,
    /// The upstream broke off.
    Cut,
    /// A deadline passed in the middle.
    TimedOut,
    /// Another leg of the request was faster.
    Outrun,
}

impl Outcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::Cut => "cut",
            Self::TimedOut => "timed_out",
            Self::Outrun => "outrun",
        }
    }
}

/// An attempt that is answering or was just begun.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) backend: BackendIndex,
    pub(super) _in_flight: InFlight,
    pub(super) slot: Option<Arc<Slot>>,
    pub(super) reservation: Option<Reservation>,
    pub(super) health: Arc<Health>,
    pub(super) _probe: Option<Probe>,
    pub(super) begun: Instant,
    pub(super) sent: Sent,
    pub(super) status: Option<StatusCode>,
    pub(super) first_byte: Option<Duration>,
    /// Whether it goes on with an answer that another attempt began.
    pub(super) continues: bool,
    pub(super) tokens: Option<Tokens>,
    pub(super) pieces: u64,
    pub(super) outcome: Outcome,
    pub(super) span: Option<Box<LegSpan>>,
}

/// Tokens and what they cost, in nano-dollars.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bill {
    pub(super) tokens: Tokens,
    pub(super) cost: u64,
}

impl Bill {
    /// Counts the prompt of an attempt that had no content of use: its target was at work on it.
    pub(super) fn of_prompt(backend: &Backend, prompt_estimate: u32) -> Bill {
        let tokens = Tokens::new(prompt_estimate.into(), 0);
        let cost = backend.prices.cost(tokens).0;
        backend.counters.estimated.inc();
        backend.counters.prompt_tokens.inc_by(tokens.prompt);
        backend.counters.cost.inc_by(cost);
        Bill { tokens, cost }
    }

    pub(super) fn add(&mut self, more: Self) {
        self.tokens = self.tokens.plus(more.tokens);
        self.cost = self.cost.saturating_add(more.cost);
    }
}

/// What a request asked for, as far as its attempts are counted by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    /// When it arrived.
    pub(super) started: Instant,
    pub(super) streamed: bool,
    pub(super) prompt_estimate: u32,
    /// Choices of its answer.
    pub(super) choices: u32,
}

impl Attempt {
    /// Whether at least half of the time that its request had was its own, and not gone before it began.
    pub(super) fn had_most(&self, started: Instant, total: Duration) -> bool {
        self.begun.saturating_duration_since(started) <= total / 2
    }

    /// Counts the attempt.
    pub(super) fn settle(&self, backend: &Backend, of: Asking) -> Bill {
        let Asking { started, streamed, prompt_estimate, choices } = of;
        let counters = &backend.counters;
        counters.requests.inc();
        let error_status = self.status.is_some_and(|s| s.as_u16() >= 400);
        if error_status || matches!(self.outcome, Outcome::Cut | Outcome::TimedOut) {
            counters.failed.inc();
        }
        let tokens = match self.tokens {
            Some(tokens) => tokens,
            // Nothing was generated, or nobody was asked.
            None if error_status || !self.sent.is_set() => Tokens::default(),
            // Whether it was outrun or its client left, even before any content: it was at work on the prompt, which is
            // paid for.
            None => {
                counters.estimated.inc();
                Tokens::new(u64::from(prompt_estimate), self.pieces)
            }
        };
        let cost = backend.prices.cost(tokens).0;
        counters.prompt_tokens.inc_by(tokens.prompt);
        counters.cached_tokens.inc_by(tokens.cached);
        counters.completion_tokens.inc_by(tokens.completion);
        counters.cost.inc_by(cost);
        if self.outcome == Outcome::Complete && tokens.completion > 0 {
            backend.demand.answered(tokens.completion, choices);
        }
        counters.duration.observe(started.elapsed().as_secs_f64());
        if let Some(first_byte) = self.first_byte {
            if !self.continues {
                counters.first_byte.observe(first_byte.as_secs_f64());
            }
            // What came with the first content took no time of its own. Choices come side by side.
            let each = tokens.completion.div_ceil(u64::from(choices.max(1)));
            if streamed && self.outcome == Outcome::Complete && each > 1 {
                let rest = started.elapsed().saturating_sub(first_byte);
                counters.per_output_token.observe(rest.as_secs_f64() / (each - 1) as f64);
            }
        }
        Bill { tokens, cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_targets_make_up_does_not_overflow() {
        let most = Tokens { prompt: u64::MAX, cached: u64::MAX, completion: u64::MAX };
        let mut bill = Bill { tokens: most, cost: u64::MAX };
        bill.add(Bill { tokens: Tokens { prompt: 1, cached: 1, completion: 1 }, cost: 1 });
        assert_eq!((bill.tokens, bill.cost), (most, u64::MAX));
    }
}
