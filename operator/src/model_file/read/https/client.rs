//! The HTTP client.

use crate::internal_hosts::InternalHosts;
use crate::model_file::read::connector::{self, ClientError, HttpClient};
use std::sync::Arc;
use std::time::Duration;

/// A few reads of a file follow each other at once; nothing is kept for longer.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

pub(super) type Body = hyper::body::Incoming;
pub(super) type Response = http::Response<Body>;

/// Connections that files share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpsClient {
    pub(super) http: HttpClient,
    /// Hosts that are not asked, also where a redirect leads to them.
    pub(super) hosts: Arc<InternalHosts>,
}

impl HttpsClient {
    /// A client that trusts the authorities that browsers trust and those in `extra_pem`, and asks none of `hosts`
    /// unless they are allowed.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(extra_pem: Option<&[u8]>, hosts: InternalHosts) -> Result<Self, ClientError> {
        let hosts = Arc::new(hosts);
        Ok(Self { http: connector::client(extra_pem, hosts.clone(), IDLE_CONNECTION)?, hosts })
    }
}
