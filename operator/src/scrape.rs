//! One bounded GET of `/metrics` from a pod. Redirects are not followed: a pod has no business elsewhere.

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Connecting, the head and the body.
const DEADLINE: Duration = Duration::from_secs(5);
/// The most that is read: vLLM's metrics have 50 KB, those of an exporter with 16 GPUs some 300 KB.
const MOST_BYTES: usize = 4 << 20;

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScrapeError {
    /// No connection, or it broke.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable { address: SocketAddr, reason: String },
    /// Something else than 200.
    #[error("{address} answered HTTP {status} at /metrics")]
    Status { address: SocketAddr, status: StatusCode },
    /// Beyond the bound, or no UTF-8.
    #[error("the metrics of {address} are longer than {MOST_BYTES} bytes, or no text")]
    Unusable { address: SocketAddr },
    /// No whole answer in time.
    #[error("{address} did not answer within {} s", DEADLINE.as_secs())]
    TimedOut { address: SocketAddr },
}

/// Reads metrics of pods. Connections are not kept: a pod is asked once, or every few seconds.
#[derive(Debug)]
pub(crate) struct Scraper(Client<HttpConnector, Empty<Bytes>>);

impl Scraper {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    /// The text at `http://IP:PORT/metrics`.
    pub(crate) async fn metrics(&self, ip: IpAddr, port: u16) -> Result<String, ScrapeError> {
        let address = SocketAddr::new(ip, port);
        let late = |_| Err(ScrapeError::TimedOut { address });
        tokio::time::timeout(DEADLINE, self.get(address)).await.unwrap_or_else(late)
    }

    async fn get(&self, address: SocketAddr) -> Result<String, ScrapeError> {
        let unreachable = |reason: String| ScrapeError::Unreachable { address, reason };
        let request = Request::get(format!("http://{address}/metrics")).body(Empty::new());
        let request = request.map_err(|error| unreachable(error.to_string()))?;
        let response = self.0.request(request).await.map_err(|error| unreachable(error.to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(ScrapeError::Status { address, status: response.status() });
        }
        let mut body = response.into_body();
        let mut text = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreachable(error.to_string()))?;
            let Some(data) = frame.data_ref() else { continue };
            if text.len() + data.len() > MOST_BYTES {
                return Err(ScrapeError::Unusable { address });
            }
            text.extend_from_slice(data);
        }
        String::from_utf8(text.into()).map_err(|_| ScrapeError::Unusable { address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::header::LOCATION;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use std::future::pending;
    use tokio_util::task::AbortOnDropHandle;

    async fn server(router: Router) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (address, AbortOnDropHandle::new(task))
    }

    async fn scraped(router: Router) -> Result<String, ScrapeError> {
        let (address, _task) = server(router).await;
        Scraper::new().metrics(address.ip(), address.port()).await
    }

    #[tokio::test]
    async fn metrics_are_read_and_nothing_else_is() {
        let text = scraped(Router::new().route("/metrics", get(async || "a 1\n"))).await;
        assert_eq!(text.unwrap(), "a 1\n");
        let missing = scraped(Router::new()).await;
        assert!(
            matches!(missing, Err(ScrapeError::Status { status: StatusCode::NOT_FOUND, .. })),
            "{missing:?}"
        );
        let elsewhere = async || (StatusCode::FOUND, [(LOCATION, "http://127.0.0.1:1/")]).into_response();
        let redirected = scraped(Router::new().route("/metrics", get(elsewhere))).await;
        assert!(matches!(redirected, Err(ScrapeError::Status { .. })), "{redirected:?}");
    }

    #[tokio::test]
    async fn what_is_too_long_or_no_text_is_refused() {
        let long = scraped(Router::new().route("/metrics", get(async || vec![b'a'; MOST_BYTES + 1]))).await;
        assert!(matches!(long, Err(ScrapeError::Unusable { .. })), "{long:?}");
        let binary = scraped(Router::new().route("/metrics", get(async || vec![0xff_u8; 8]))).await;
        assert!(matches!(binary, Err(ScrapeError::Unusable { .. })), "{binary:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_ends_at_the_deadline() {
        let late = scraped(Router::new().route("/metrics", get(async || pending::<String>().await))).await;
        assert!(matches!(late, Err(ScrapeError::TimedOut { .. })), "{late:?}");
    }
}
