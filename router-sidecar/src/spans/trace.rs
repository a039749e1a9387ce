//! The trace of one request.

use super::Tracer;
use super::attributes as name;
use crate::error::Code;
use crate::request::{Operation, Peek};
use crate::snapshot::Backend;
use crate::sse::Described;
use http::{HeaderValue, Uri};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Data classes that a span names, and characters of each.
const CLASSES: usize = 16;
const CLASS: usize = 64;

/// One request: its own span, which is open, and those of its attempts, as they end.
#[derive(Debug)]
pub struct Trace {
    tracer: Arc<Tracer>,
    operation: Operation,
    own: SpanContext,
    parent: SpanContext,
    /// The same moment by both clocks: everything else is measured by the one that does not jump.
    started: (Instant, SystemTime),
    /// What its span says.
    pub attributes: Vec<KeyValue>,
    /// The adapter that the model's name means.
    adapter: Option<Arc<str>>,
    /// What the last answer says of itself.
    answer: Described,
    legs: Vec<SpanData>,
}

/// How a span ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// The class of what went wrong.
    pub error: Option<Cow<'static, str>>,
    /// Whether that is the fault of whom the span is about. A server is not at fault for what a client did wrong.
    pub failed: bool,
}

/// The span of an attempt that is under way.
#[derive(Debug)]
pub struct LegSpan {
    id: SpanId,
    begun: Instant,
    /// What it says.
    pub attributes: Vec<KeyValue>,
    /// What the answer says of itself.
    pub answer: Described,
}

/// What a target in the cluster is told of the trace, and whether its answer is looked at more closely for it.
#[derive(Debug, Clone)]
pub struct Onward {
    /// The header `traceparent`.
    pub traceparent: HeaderValue,
    /// Whether the attempt has a span.
    pub recorded: bool,
}

impl Trace {
    pub(super) fn new(
        tracer: Arc<Tracer>,
        operation: Operation,
        own: SpanContext,
        parent: SpanContext,
        started: Instant,
    ) -> Self {
        let started = (started, SystemTime::from(jiff::Timestamp::now()) - started.elapsed());
        Self {
            tracer,
            operation,
            own,
            parent,
            started,
            attributes: Vec::new(),
            adapter: None,
            answer: Described::default(),
            legs: Vec::new(),
        }
    }

    /// The request asks for this, and for an adapter if there is one.
    pub fn asks(&mut self, peek: &Peek, adapter: Option<&Arc<str>>) {
        if self.is_recorded() {
            self.attributes.push(KeyValue::new(name::REQUEST_MODEL, peek.model.clone()));
            self.attributes.push(KeyValue::new(name::REQUEST_STREAM, peek.stream));
            let most = peek.max_tokens.map(|most| KeyValue::new(name::REQUEST_MAX_TOKENS, i64::from(most)));
            self.attributes.extend(most);
            self.adapter = adapter.cloned();
        }
    }

    /// The request has these data classes. A later word counts. Clients may write anything into the header: there are
    /// bounds.
    pub fn classified(&mut self, classes: &[String]) {
        if self.is_recorded() {
            self.attributes.retain(|attribute| attribute.key.as_str() != name::DATA_CLASSES);
            let classes = classes.iter().take(CLASSES).map(|class| class.chars().take(CLASS).collect());
            self.attributes.push(KeyValue::new(name::DATA_CLASSES, texts(classes)));
        }
    }

    /// The router answers with this, before it knows whose policy the request is under.
    pub fn refused(mut self, code: Code) {
        let status = code.status();
        self.attributes.push(KeyValue::new(name::STATUS, i64::from(status.as_u16())));
        self.end(End { error: Some(code.name().into()), failed: status.is_server_error() });
    }

    /// Whether it has spans. If not, its id is passed on all the same, so that nobody after us begins one in the middle.
    pub fn is_recorded(&self) -> bool {
        self.own.is_sampled()
    }

    /// What is asked for.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// An attempt begins: its span, if there are any, and what its target is told.
    pub fn begin(&self, begun: Instant) -> (Option<Box<LegSpan>>, Option<Onward>) {
        let leg = self.is_recorded().then(|| {
            let id = self.tracer.ids.new_span_id();
            Box::new(LegSpan { id, begun, attributes: Vec::with_capacity(16), answer: Described::default() })
        });
        let id = leg.as_ref().map_or(self.own.span_id(), |leg| leg.id);
        let (trace, flags) = (self.own.trace_id(), self.own.trace_flags().to_u8());
        // W3C Trace Context, version 00. Hexadecimal digits: a header can hold them.
        let header = HeaderValue::try_from(format!("00-{trace}-{id}-{flags:02x}")).ok();
        let recorded = leg.is_some();
        (leg, header.map(|traceparent| Onward { traceparent, recorded }))
    }

    /// An attempt at a backend is over.
    pub fn end_leg(&mut self, mut leg: LegSpan, backend: &Backend, end: End) {
        describe(&mut leg.attributes, &leg.answer);
        self.answer = leg.answer;
        // A JSON string, perhaps with further members of the request behind it.
        let model = backend.model(self.adapter.as_deref());
        let model = serde_json::Deserializer::from_slice(&model).into_iter::<String>().next();
        let model = model.and_then(Result::ok).unwrap_or_default();
        let name = format!("{} {model}", self.operation.name());
        leg.attributes.push(KeyValue::new(name::OPERATION, self.operation.name()));
        leg.attributes.push(KeyValue::new(name::REQUEST_MODEL, model));
        let context = SpanContext::new(
            self.own.trace_id(),
            leg.id,
            self.own.trace_flags(),
            false,
            self.own.trace_state().clone(),
        );
        let span = self.span(context, SpanKind::Client, name, leg.begun);
        let span = SpanData { parent_span_id: self.own.span_id(), ..span };
        self.legs.push(closed(span, leg.attributes, end));
    }

    /// The request is over: all of its spans go on their way.
    pub fn end(mut self, end: End) {
        if !self.is_recorded() {
            return;
        }
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.push(KeyValue::new(name::OPERATION, self.operation.name()));
        attributes.push(KeyValue::new(name::METHOD, "POST"));
        attributes.push(KeyValue::new(name::ROUTE, self.operation.path()));
        describe(&mut attributes, &self.answer);
        let name = format!("POST {}", self.operation.path());
        let span = self.span(self.own.clone(), SpanKind::Server, name, self.started.0);
        let span = SpanData {
            parent_span_id: self.parent.span_id(),
            parent_span_is_remote: self.parent.is_valid(),
            ..span
        };
        self.tracer.queue.push(self.legs.into_iter().chain([closed(span, attributes, end)]));
    }

    /// A span that ends now, with nothing in it.
    fn span(&self, span_context: SpanContext, kind: SpanKind, name: String, begun: Instant) -> SpanData {
        let at = |instant: Instant| self.started.1 + instant.saturating_duration_since(self.started.0);
        SpanData {
            span_context,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.into(),
            start_time: at(begun),
            end_time: at(Instant::now()),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.tracer.scope.clone(),
        }
    }
}

fn closed(span: SpanData, mut attributes: Vec<KeyValue>, end: End) -> SpanData {
    attributes.extend(end.error.map(|error| KeyValue::new(name::ERROR, Value::from(error))));
    // Without a description: what went wrong has a class, and what targets say of it is theirs.
    let status = if end.failed { Status::error("") } else { Status::Unset };
    SpanData { attributes, status, ..span }
}

impl LegSpan {
    /// Where it goes.
    pub fn goes_to(&mut self, uri: &Uri) {
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        self.attributes.push(KeyValue::new(name::METHOD, "POST"));
        self.attributes.push(KeyValue::new(name::SERVER, uri.host().unwrap_or_default().to_owned()));
        self.attributes.push(KeyValue::new(name::PORT, i64::from(uri.port_u16().unwrap_or(default))));
    }
}

/// What an answer says of itself.
fn describe(attributes: &mut Vec<KeyValue>, answer: &Described) {
    let text = [(name::RESPONSE_ID, &answer.id), (name::RESPONSE_MODEL, &answer.model)];
    attributes.extend(text.into_iter().filter_map(|(name, text)| Some(KeyValue::new(name, text.clone()?))));
    if !answer.finish_reasons.is_empty() {
        attributes.push(KeyValue::new(name::FINISH_REASONS, texts(answer.finish_reasons.iter().cloned())));
    }
}

/// A list of texts as a value.
fn texts(list: impl Iterator<Item = String>) -> Value {
    Value::Array(Array::String(list.map(StringValue::from).collect()))
}
