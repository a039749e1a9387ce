//! The end of attempts and of the request: counted, and told to the log.

use super::super::attempt::Asking;
use super::words::Reasons;
use super::{Attempt, Bill, Code, Outcome, Record, Tokens};
use std::sync::Arc;
use std::time::Duration;

impl Record {
    /// Counts an attempt that is over while the request goes on; gives its tokens.
    pub(super) fn close(&mut self, attempt: &mut Attempt) -> Tokens {
        self.outcome = Some(attempt.outcome);
        let Some(backend) = self.policy.backends.get(attempt.backend) else {
            return Tokens::default();
        };
        let asking = Asking {
            started: self.started,
            streamed: self.streamed,
            prompt_estimate: self.prompt_estimate,
            choices: self.choices,
        };
        let bill = attempt.settle(backend, asking);
        self.bill.add(bill);
        self.end_span(attempt, bill);
        if let Some(reservation) = attempt.reservation.take() {
            reservation.settle(bill.tokens);
        }
        bill.tokens
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // The client left while two legs were at work.
        if let Some(mut hedge) = self.hedge.take() {
            self.close(&mut hedge);
        }
        let mut attempt = self.attempt.take();
        if let Some(attempt) = &mut attempt {
            self.close(attempt);
        }
        let trace = self.trace.take();
        let backend = attempt.as_ref().and_then(|a| self.policy.backends.get(a.backend));
        let Bill { tokens, cost } = self.bill;
        if let Some(admission) = &self.admission {
            admission.settle(tokens.total());
            admission.client.counters.add(tokens.total(), cost);
        }
        let status = self.status.or(self.refused.map(Code::status));
        if let Some(status) = status {
            self.metrics.response(status, self.refused.map_or("", Code::name));
        }
        if let Some(trace) = trace {
            self.end_trace(trace, backend.map(Arc::as_ref), status);
        }
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        tracing::info!(
            policy = self.policy.name,
            client = self.admission.as_ref().map(|admission| admission.client.name.as_str()),
            rule = self.rule_name(),
            backend = backend.map(|b| b.name.as_str()),
            status = status.map(|s| s.as_u16()),
            error = self.refused.map(Code::name),
            outcome = self.outcome.map(Outcome::name),
            streamed = self.streamed,
            promptEstimate = self.prompt_estimate,
            promptTokens = tokens.prompt,
            cachedTokens = tokens.cached,
            completionTokens = tokens.completion,
            costNanoUsd = cost,
            failedAttempts = self.failed.len(),
            firstByteMs = self.first_byte.map(millis),
            durationMs = millis(self.started.elapsed()),
            reasons = %Reasons(self),
            "request"
        );
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
