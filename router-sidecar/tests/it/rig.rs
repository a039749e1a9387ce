//! A router on a port of its own, in this process, and a client for it.

use bytes::Bytes;
use flotilla_e2e::provider::{Options, Provider};
use flotilla_router::account::{Metrics, report};
use flotilla_router::serve::{Limits, ListenerLimits, Router, data_service, serve};
use flotilla_router::snapshot::Store;
use flotilla_router::source::file;
use flotilla_router::spans::{self, Destination, Tracer};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const KEY: &str = "sk-provider-key-4711";
const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) router: Arc<Router>,
    client: Client<HttpConnector, Full<Bytes>>,
    _stop: DropGuard,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Rig {
    /// A router without a config.
    pub(crate) async fn bare(limits: Limits) -> Self {
        Self::bounded(limits, ListenerLimits::default()).await
    }

    pub(crate) async fn bounded(limits: Limits, bounds: ListenerLimits) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let store = Arc::new(Store::new(Arc::clone(&metrics)));
        Self::serving(Router::new(store, metrics, limits).unwrap(), bounds).await
    }

    /// A router with one policy that sends its spans to a collector.
    pub(crate) async fn traced(policy: &str, collector: &str) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let store = Arc::new(Store::new(Arc::clone(&metrics)));
        let to = Destination::of(Some(collector), None).unwrap().exporter().unwrap();
        let (queue, export) = spans::queue(to, metrics.spans.clone());
        let router = Router::new(store, metrics, Limits::default()).unwrap();
        let router = router.with_tracer(Some(Arc::new(Tracer::new(queue))));
        tokio::spawn(export.run(CancellationToken::new()));
        let rig = Self::serving(router, ListenerLimits::default()).await;
        rig.apply(policy);
        rig
    }

    async fn serving(router: Router, bounds: ListenerLimits) -> Self {
        let router = Arc::new(router);
        let listener = TcpListener::bind(LOCALHOST).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let service = |router: Arc<Router>, request| async move { data_service(&router, request).await };
        tokio::spawn(serve(Arc::clone(&router), listener, bounds, service, stop.clone()));
        let client = client();
        Self { address, router, client, _stop: stop.drop_guard() }
    }

    /// A router with one policy, given as the YAML below its name.
    pub(crate) async fn start(policy: &str) -> Self {
        let rig = Self::bare(Limits::default()).await;
        rig.apply(policy);
        rig
    }

    pub(crate) fn apply(&self, policy: &str) {
        self.router.store.apply(&file::parse(&config(policy)).unwrap()).unwrap();
    }

    /// Posts a chat completion and reads all of the answer.
    pub(crate) async fn chat(&self, body: impl Into<Bytes>) -> Reply {
        self.chat_with(&[], body).await
    }

    pub(crate) async fn chat_with(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        Reply::of(self.open(headers, body).await).await
    }

    /// Posts a chat completion and gives back the answer as it begins.
    pub(crate) async fn open(
        &self,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> http::Response<Incoming> {
        self.post("/v1/chat/completions", headers, body).await
    }

    /// Posts anything anywhere and gives back the answer as it begins.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> http::Response<Incoming> {
        let mut request =
            Request::builder().method(Method::POST).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        get(self.address, path).await
    }

    pub(crate) async fn metrics(&self) -> String {
        String::from_utf8(self.get("/metrics").await.body.to_vec()).unwrap()
    }

    /// What one backend of the only policy served.
    pub(crate) fn usage(&self, backend: &str) -> flotilla_crds::router_config::BackendUsage {
        let snapshot = self.router.store.current().unwrap();
        report(&snapshot).into_iter().find(|usage| usage.backend == backend).unwrap()
    }
}

impl Reply {
    /// Reads all of an answer.
    pub(crate) async fn of(response: http::Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn backend(&self) -> &str {
        self.header("x-flotilla-backend")
    }
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Reply {
    let request = Request::get(format!("http://{address}{path}")).body(Full::default()).unwrap();
    let (parts, body) = client().request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// A whole config file around one policy.
pub(crate) fn config(policy: &str) -> String {
    let indented = policy.trim().replace('\n', "\n  ");
    format!(
        "version: flotilla.dev/router/v1alpha1\npolicies:\n- name: team/assistant\n  models: [assistant]\n  {indented}\n"
    )
}

pub(crate) async fn provider() -> Provider {
    Provider::start(LOCALHOST, Options { key: Some(KEY.to_owned()), model: "m".to_owned() }).await.unwrap()
}

/// Of two pods that to which the requests of the one session went, and the other.
pub(crate) fn home_and_away<'a>(one: &'a Provider, two: &'a Provider) -> (&'a Provider, &'a Provider) {
    if one.seen().requests > 0 { (one, two) } else { (two, one) }
}

/// A provider that plays an engine pod: no key.
pub(crate) async fn engine() -> Provider {
    Provider::start(LOCALHOST, Options { key: None, model: "m".to_owned() }).await.unwrap()
}

/// The YAML of an external backend.
pub(crate) fn external(name: &str, provider: &Provider) -> String {
    let url = provider.base_url();
    format!(
        "- {{name: {name}, external: {{baseUrl: '{url}', model: m, credentials: {{apiKey: {KEY}}}, pricing: {{input: '2.50', output: '10'}}}}}}"
    )
}

/// The YAML of an external backend that speaks Anthropic's Messages.
pub(crate) fn anthropic(name: &str, provider: &Provider) -> String {
    external(name, provider).replacen("external: {", "external: {provider: Anthropic, ", 1)
}

/// The same backend with a context window.
pub(crate) fn with_window(backend: &str, tokens: u32) -> String {
    backend.replacen("model: m,", &format!("model: m, contextWindow: {tokens},"), 1)
}

/// The YAML of a fleet backend.
pub(crate) fn fleet(name: &str, pods: &[SocketAddr]) -> String {
    let endpoints: Vec<_> = pods.iter().map(|pod| format!("{{address: '{pod}'}}")).collect();
    format!("- {{name: {name}, fleet: {{model: m, endpoints: [{}]}}}}", endpoints.join(", "))
}

/// A request for the one model.
pub(crate) fn ask(text: &str, stream: bool) -> String {
    let content = serde_json::to_string(text).unwrap();
    format!(r#"{{"model":"assistant","stream":{stream},"messages":[{{"role":"user","content":{content}}}]}}"#)
}

/// An address where nobody listens. It is kept as long as the program runs: whoever got it next would answer there.
pub(crate) fn nobody() -> SocketAddr {
    let socket = Box::leak(Box::new(tokio::net::TcpSocket::new_v4().unwrap()));
    socket.bind(LOCALHOST).unwrap();
    socket.local_addr().unwrap()
}

/// Waits until something holds. The bound is only there to end a test that fails.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "never came: {what}");
}
