//! The HTTP client.

use crate::model_file::read::connector::{self, HttpClient};
use std::time::Duration;

/// A few reads of a file follow each other at once; nothing is kept for longer.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

pub(super) type Body = hyper::body::Incoming;
pub(super) type Response = http::Response<Body>;

/// Connections that files share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpsClient(pub(super) HttpClient);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(#[from] rustls::Error);

impl HttpsClient {
    /// A client that trusts the authorities that browsers trust.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self(connector::client(connector::public_roots(), IDLE_CONNECTION)?))
    }
}
