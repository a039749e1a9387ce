//! The answer, from its first content to its end.

use super::super::attempt::Outcome;
use super::{Event, Leg, Note, Record, Tokens};
use crate::budget::Reservation;
use crate::snapshot::{BackendIndex, Endpoint};
use crate::upstream::{Begun, Slot};
use http::StatusCode;
use std::sync::Arc;
use std::time::Instant;

impl Record {
    /// The attempt's answer begins.
    pub fn answered(&mut self, status: StatusCode) {
        let now = Instant::now();
        if let Some(attempt) = &mut self.attempt {
            attempt.status = Some(status);
            self.status = Some(status);
            let first_byte = now.saturating_duration_since(self.started);
            attempt.first_byte = Some(first_byte);
            self.first_byte.get_or_insert(first_byte);
            attempt.health.begins_to_answer(now, attempt.begun);
            if let Some(backend) = self.policy.backends.get(attempt.backend)
                && self.streamed
                && status.is_success()
            {
                backend.pace.record(now.saturating_duration_since(attempt.begun));
            }
        }
    }

    /// The answer stopped in the middle, and its endpoint is to blame.
    pub fn broke_off(&mut self) {
        if let Some(attempt) = &self.attempt
            && attempt.health.broke_off(Instant::now(), attempt.begun, &self.policy.ejection)
        {
            self.count(Event::Ejection, attempt.backend);
        }
    }

    /// The answer that stopped goes on at another endpoint: the first part is counted, the second one begins. Gives
    /// the tokens of the first part, and what the second one takes along.
    pub fn continued(
        &mut self,
        target: BackendIndex,
        endpoint: &Endpoint,
        slot: Option<Arc<Slot>>,
        reservation: Option<Reservation>,
    ) -> (Tokens, Begun) {
        let part = self.attempt.take();
        let tokens = part.map(|mut part| self.close(&mut part)).unwrap_or_default();
        self.count(Event::Continuation, target);
        self.notes.push(Note::Continued(target));
        let begun = self.begin(Leg::Main, target, endpoint, slot, reservation);
        if let Some(second) = &mut self.attempt {
            second.continues = true;
        }
        (tokens, begun)
    }

    /// What the answer says about its tokens, and how many pieces of text it came in.
    pub fn saw(&mut self, tokens: Option<Tokens>, pieces: u64) {
        if let Some(attempt) = &mut self.attempt {
            attempt.tokens = tokens;
            attempt.pieces = pieces;
        }
    }

    /// How the answer ended; told once.
    pub fn ended(&mut self, outcome: Outcome) {
        if let Some(attempt) = &mut self.attempt {
            attempt.outcome = outcome;
            if outcome == Outcome::Complete {
                let by_model = attempt.status.is_some_and(|status| status.is_success());
                attempt.health.answered(Instant::now(), attempt.begun, by_model);
            }
        }
    }
}
