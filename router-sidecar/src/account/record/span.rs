//! What a record tells its trace.

use super::words::Reasons;
use super::{Attempt, Bill, Code, Leg, Note, Outcome, Record};
use crate::snapshot::{Backend, BackendIndex, Endpoint, Side};
use crate::spans::{End, LegSpan, Onward, Trace, attributes as name};
use crate::sse::Described;
use crate::upstream::Failure;
use http::StatusCode;
use opentelemetry::KeyValue;
use std::time::Instant;

impl Record {
    /// The request has spans.
    pub fn traced(&mut self, trace: Option<Box<Trace>>) {
        self.trace = trace;
    }

    /// The request has these data classes.
    pub fn classified(&mut self, classes: &[String]) {
        if let Some(trace) = &mut self.trace {
            trace.classified(classes);
        }
    }

    /// What the answer says of itself.
    pub fn described(&mut self, described: Option<Box<Described>>) {
        if let Some(described) = described
            && let Some(span) = self.attempt.as_mut().and_then(|attempt| attempt.span.as_mut())
        {
            span.answer = *described;
        }
    }

    /// An attempt begins.
    pub(super) fn begin_span(
        &self,
        leg: Leg,
        target: BackendIndex,
        endpoint: &Endpoint,
        now: Instant,
    ) -> (Option<Box<LegSpan>>, Option<Onward>) {
        let Some(trace) = &self.trace else {
            return (None, None);
        };
        let (mut span, onward) = trace.begin(now);
        if let Some(span) = &mut span
            && let Some(backend) = self.policy.backends.get(target)
        {
            let kind = match leg {
                Leg::Hedge => "hedge",
                Leg::Main if matches!(self.notes.last(), Some(Note::Continued(_))) => "continuation",
                Leg::Main if self.attempts > 0 => "retry",
                Leg::Main => "first",
            };
            span.goes_to(endpoint.uri(trace.operation()).unwrap_or(&endpoint.chat));
            span.attributes.push(KeyValue::new(name::PROVIDER, backend.provider));
            span.attributes.push(KeyValue::new(name::BACKEND, backend.name.clone()));
            span.attributes.push(KeyValue::new(name::SIDE, side(backend)));
            span.attributes.push(KeyValue::new(name::LEG, kind));
        }
        (span, onward)
    }

    /// An attempt failed before its first content.
    pub(super) fn end_failed_span(
        &mut self,
        span: Option<Box<LegSpan>>,
        backend: BackendIndex,
        failure: &Failure,
    ) {
        if let (Some(mut span), Some(trace)) = (span, &mut self.trace)
            && let Some(backend) = self.policy.backends.get(backend)
        {
            span.attributes.extend(failure.status().map(status));
            trace.end_leg(*span, backend, End { error: Some(failure.cause().into()), failed: true });
        }
    }

    /// An attempt is over that had begun to answer, or that is not needed any more.
    pub(super) fn end_span(&mut self, attempt: &mut Attempt, bill: Bill) {
        let (Some(mut span), Some(trace)) = (attempt.span.take(), &mut self.trace) else {
            return;
        };
        let Some(backend) = self.policy.backends.get(attempt.backend) else {
            return;
        };
        let first = attempt.first_byte.filter(|_| self.streamed).map(|first| {
            // From the attempt on, where the metric of that name counts from the request on.
            let waited = attempt.begun.saturating_duration_since(self.started);
            KeyValue::new(name::FIRST_CHUNK, first.saturating_sub(waited).as_secs_f64())
        });
        span.attributes.extend(attempt.status.map(status).into_iter().chain(first).chain(usage(bill)));
        span.attributes.push(KeyValue::new(name::OUTCOME, attempt.outcome.name()));
        let refused = attempt.status.filter(|status| status.as_u16() >= 400);
        let error = match attempt.outcome {
            Outcome::Cut | Outcome::TimedOut => Some(attempt.outcome.name().into()),
            _ => refused.map(|status| status.as_str().to_owned().into()),
        };
        trace.end_leg(*span, backend, End { failed: error.is_some(), error });
    }

    /// The request is over.
    pub(super) fn end_trace(
        &self,
        mut trace: Box<Trace>,
        backend: Option<&Backend>,
        answered: Option<StatusCode>,
    ) {
        if !trace.is_recorded() {
            return;
        }
        let attributes = &mut trace.attributes;
        let text = |name: &'static str, text: &str| KeyValue::new(name, text.to_owned());
        attributes.push(text(name::POLICY, &self.policy.name));
        attributes.extend(self.rule_name().map(|rule| text(name::RULE, rule)));
        attributes.extend(self.client().map(|client| text(name::CLIENT, client)));
        if let Some(backend) = backend {
            attributes.push(text(name::BACKEND, &backend.name));
            attributes.push(KeyValue::new(name::PROVIDER, backend.provider));
        }
        attributes.push(KeyValue::new(name::REASONS, Reasons(self).to_string()));
        attributes.extend(answered.map(status).into_iter().chain(usage(self.bill)));
        attributes.extend(self.outcome.map(|outcome| KeyValue::new(name::OUTCOME, outcome.name())));
        let broken = self.outcome.filter(|outcome| matches!(outcome, Outcome::Cut | Outcome::TimedOut));
        let error = match (self.refused, answered) {
            (Some(code), _) => Some(Code::name(code).into()),
            _ if broken.is_some() => broken.map(|outcome| outcome.name().into()),
            (None, Some(status)) if status.as_u16() >= 400 => Some(status.as_str().to_owned().into()),
            _ => None,
        };
        let failed = broken.is_some() || answered.is_some_and(|status| status.is_server_error());
        trace.end(End { error, failed });
    }
}

fn status(status: StatusCode) -> KeyValue {
    KeyValue::new(name::STATUS, i64::from(status.as_u16()))
}

fn side(backend: &Backend) -> &'static str {
    match backend.side {
        Side::InCluster => "InCluster",
        Side::External => "External",
    }
}

fn usage(bill: Bill) -> [KeyValue; 4] {
    let number = |name, number: u64| KeyValue::new(name, i64::try_from(number).unwrap_or(i64::MAX));
    [
        number(name::INPUT_TOKENS, bill.tokens.prompt),
        number(name::CACHED_TOKENS, bill.tokens.cached),
        number(name::OUTPUT_TOKENS, bill.tokens.completion),
        number(name::COST, bill.cost),
    ]
}
