//! A stand-in for an OpenTelemetry collector that keeps the spans it is sent.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Got>>,
    serving: AbortHandle,
}

#[derive(Default)]
struct Got {
    spans: Vec<Taken>,
    refuse: bool,
    refused: usize,
}

/// A span as it came.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) span: Span,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) resource: Map<String, Value>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Got::default()));
        let keep = Arc::clone(&got);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let keep = Arc::clone(&keep);
                let service = service_fn(move |request| answer(Arc::clone(&keep), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, got, serving: serving.abort_handle() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it answers 500, or not.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.got.lock().unwrap().refuse = refuse;
    }

    pub(crate) fn refused(&self) -> usize {
        self.got.lock().unwrap().refused
    }

    pub(crate) fn spans(&self) -> Vec<Taken> {
        self.got.lock().unwrap().spans.clone()
    }

    /// Forgets what came.
    pub(crate) fn forget(&self) {
        self.got.lock().unwrap().spans.clear();
    }

    /// Waits until the spans of so many requests are there and gives them, each with its legs in order.
    pub(crate) async fn requests(&self, count: usize) -> Vec<(Taken, Vec<Taken>)> {
        const SERVER: i32 = 2;
        let servers = || self.spans().into_iter().filter(|taken| taken.span.kind == SERVER);
        crate::rig::eventually("spans come", || servers().count() >= count).await;
        let mut legs: BTreeMap<Vec<u8>, Vec<Taken>> = BTreeMap::new();
        for leg in self.spans().into_iter().filter(|taken| taken.span.kind != SERVER) {
            legs.entry(leg.span.parent_span_id.clone()).or_default().push(leg);
        }
        servers().map(|own| (own.clone(), legs.remove(&own.span.span_id).unwrap_or_default())).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    got: Arc<Mutex<Got>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let sent = ExportTraceServiceRequest::decode(body).unwrap();
    let mut got = got.lock().unwrap();
    let mut response = Response::new(Full::default());
    if got.refuse {
        got.refused += 1;
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    for of in sent.resource_spans {
        let resource = json(&of.resource.unwrap().attributes);
        for span in of.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            got.spans.push(Taken { attributes: json(&span.attributes), resource: resource.clone(), span });
        }
    }
    Ok(response)
}

fn json(attributes: &[KeyValue]) -> Map<String, Value> {
    let value = |value: Any| match value {
        Any::StringValue(text) => text.into(),
        Any::IntValue(number) => number.into(),
        Any::DoubleValue(number) => number.into(),
        Any::BoolValue(yes) => yes.into(),
        Any::ArrayValue(list) => list
            .values
            .into_iter()
            .map(|value| match value.value.unwrap() {
                Any::StringValue(text) => Value::from(text),
                other => panic!("{other:?}"),
            })
            .collect(),
        other => panic!("{other:?}"),
    };
    let pair = |of: &KeyValue| (of.key.clone(), value(of.value.clone().unwrap().value.unwrap()));
    let map: Map<_, _> = attributes.iter().map(pair).collect();
    assert_eq!(map.len(), attributes.len(), "an attribute comes twice: {attributes:?}");
    map
}
