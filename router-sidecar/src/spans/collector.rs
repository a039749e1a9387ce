//! The collector that spans are sent to, by OTLP over HTTP.

use crate::upstream::{ClientError, PooledClient, pooled};
use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;
use http::uri::Authority;
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry::KeyValue;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use std::env;

/// What a collector may say: a few words about what it did not take.
const ANSWER_AT_MOST: usize = 64 * 1024;
/// What the process is to the collector, unless it is told otherwise.
const SERVICE: &str = "flotilla-router";

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The address is none. It is not repeated: it may hold a password.
    #[error("the collector's address must be http://HOST[:PORT][/PATH] or https://…, without a user in it")]
    Address,
    /// Another setting is unusable.
    #[error("spans cannot be sent: {0}")]
    Setting(#[from] ExporterBuildError),
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(String);

impl Destination {
    /// `traces` takes them at its very address, `any` at `/v1/traces` below it; of both, the first. `None`: spans are off.
    pub fn of(any: Option<&str>, traces: Option<&str>) -> Option<Self> {
        // A variable that is set to nothing counts as one that is not set.
        let given =
            |address: Option<&str>| address.map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned);
        let below = |base: String| format!("{}/v1/traces", base.trim_end_matches('/'));
        given(traces).or_else(|| given(any).map(below)).map(Self)
    }

    /// What sends spans there. Headers and the deadline come from `OTEL_EXPORTER_OTLP_HEADERS` and
    /// `OTEL_EXPORTER_OTLP_TIMEOUT`, what the process is called from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
    ///
    /// # Errors
    /// The address or another setting is unusable.
    pub fn exporter(&self) -> Result<opentelemetry_otlp::SpanExporter, CollectorError> {
        if !is_address(&self.0) {
            return Err(CollectorError::Address);
        }
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Collector(pooled()?))
            .with_endpoint(&self.0)
            .build()?;
        exporter.set_resource(&resource());
        Ok(exporter)
    }
}

/// What errors say may have the address in it, so it must not hold a password.
fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let port_is_number = |authority: &Authority| match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        // There is a user before the host.
        None => false,
    };
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(port_is_number)
}

/// What the spans are of.
fn resource() -> Resource {
    let named = |name: &str, sign: &str| env::var(name).is_ok_and(|value| value.contains(sign));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    if named("OTEL_SERVICE_NAME", "") || named("OTEL_RESOURCE_ATTRIBUTES", "service.name=") {
        builder.build()
    } else {
        builder.with_service_name(SERVICE).build()
    }
}

/// The client that the library sends with. The queue puts a deadline on all that it does.
#[derive(Debug)]
pub struct Collector(PooledClient<Full<Bytes>>);

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.0.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, ANSWER_AT_MOST).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_for_traces_counts_as_it_is_and_the_one_for_all_signals_is_a_base() {
        let of = |any, traces| Destination::of(any, traces).map(|Destination(address)| address);
        for (any, traces, address) in [
            (None, None, None),
            (Some(""), Some(" "), None),
            (Some("http://c:4318"), None, Some("http://c:4318/v1/traces")),
            (Some("http://c:4318/otlp/"), Some(""), Some("http://c:4318/otlp/v1/traces")),
            (Some("http://c:4318"), Some("http://d/x"), Some("http://d/x")),
            (None, Some("https://d/x"), Some("https://d/x")),
        ] {
            assert_eq!(of(any, traces).as_deref(), address, "{any:?} {traces:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_at_the_start() {
        for (address, good) in [
            ("http://collector:4318/v1/traces", true),
            ("https://[::1]:4318/v1/traces", true),
            ("https://collector/v1/traces", true),
            ("http://collector:port/v1/traces", false),
            ("http://user:password@collector/v1/traces", false),
            ("grpc://collector:4317/v1/traces", false),
            ("collector:4318/v1/traces", false),
            ("/v1/traces", false),
        ] {
            let exporter = Destination(address.to_owned()).exporter();
            assert_eq!(exporter.is_ok(), good, "{address}: {exporter:?}");
        }
    }
}
