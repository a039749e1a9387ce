//! Traces: a span for each request, and one below it for each attempt at a target, sent to an OpenTelemetry collector.
//!
//! They are off unless a collector is named; then a request has nothing of this but an empty pointer. With it, the
//! record of the request ([`crate::account::Record`]) tells its [`Trace`] what happened and closes it, so that whatever
//! ends a request ends its spans. Spans wait in a bounded queue and are sent by one task. None holds a prompt, an
//! answer or a key.

pub mod attributes;
mod collector;
mod queue;
mod trace;

pub use collector::{Collector, CollectorError, Destination};
pub use queue::{Counters, Export, Queue, queue};
pub use trace::{End, LegSpan, Onward, Trace};

use crate::request::Operation;
use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt, TraceFlags};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Config, IdGenerator, RandomIdGenerator, SamplingDecision, ShouldSample};
use std::sync::Arc;
use std::time::Instant;

/// Opens the trace of each request.
#[derive(Debug)]
pub struct Tracer {
    sampler: Box<dyn ShouldSample>,
    ids: RandomIdGenerator,
    context: TraceContextPropagator,
    scope: InstrumentationScope,
    queue: Queue,
}

impl Tracer {
    /// Whose spans go into this queue. Which requests are sampled is said by `OTEL_TRACES_SAMPLER` and
    /// `OTEL_TRACES_SAMPLER_ARG`: by default those whose client sampled them, or that have no trace.
    pub fn new(queue: Queue) -> Self {
        Self {
            sampler: Config::default().sampler,
            ids: RandomIdGenerator::default(),
            context: TraceContextPropagator::new(),
            scope: InstrumentationScope::builder("flotilla-router")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            queue,
        }
    }

    /// Opens the trace of a request that began at `started`, as a part of the one that its headers name. Where they
    /// name none, what else they say of one is taken out of them: it must not reach a target beside our own.
    pub fn open(
        self: &Arc<Self>,
        operation: Operation,
        headers: &mut HeaderMap,
        started: Instant,
    ) -> Box<Trace> {
        let around = self.context.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let parent = around.span().span_context().clone();
        let trace_id = if parent.is_valid() {
            parent.trace_id()
        } else {
            headers.remove("tracestate");
            self.ids.new_trace_id()
        };
        let sampled = self.sampler.should_sample(
            Some(&around),
            trace_id,
            operation.path(),
            &SpanKind::Server,
            &[],
            &[],
        );
        let flags = match sampled.decision {
            SamplingDecision::RecordAndSample => TraceFlags::SAMPLED,
            SamplingDecision::Drop | SamplingDecision::RecordOnly => TraceFlags::default(),
        };
        let own = SpanContext::new(trace_id, self.ids.new_span_id(), flags, false, sampled.trace_state);
        Box::new(Trace::new(Arc::clone(self), operation, own, parent, started))
    }
}
