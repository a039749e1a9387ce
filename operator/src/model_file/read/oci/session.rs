//! Requests to one repository, with the token or password that it asks for.

use super::challenge::{Challenge, token_query};
use super::credentials::Basic;
use super::error::OciError;
use super::reference::Reference;
use super::transport::{Answer, Transport};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, RANGE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, Uri};
use parking_lot::Mutex;
use serde::Deserialize;
use std::sync::Arc;

/// Bytes of a token's answer.
const LARGEST_TOKEN: usize = 64 * 1024;

/// What one image is read through. Remembers the token that the registry gave.
#[derive(Debug)]
pub(super) struct Session {
    transport: Arc<Transport>,
    reference: Reference,
    credentials: Option<Basic>,
    authorization: Mutex<Option<HeaderValue>>,
}

/// What is asked of the registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// Below the repository, for example `manifests/latest`.
    pub(super) path: &'a str,
    /// For an `Accept` header.
    pub(super) accept: Option<&'static str>,
    /// First and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// Bytes of the body that are read.
    pub(super) limit: usize,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Session {
    pub(super) fn new(transport: Arc<Transport>, reference: Reference, credentials: Option<Basic>) -> Self {
        Self { transport, reference, credentials, authorization: Mutex::new(None) }
    }

    /// The image that this session is for.
    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Asks; answers a challenge once, then asks again. The status is the caller's to judge, apart from refusals.
    pub(super) async fn get(&self, ask: Ask<'_>) -> Result<Answer, OciError> {
        let Reference { registry, repository, .. } = &self.reference;
        let url = self.url(registry, &format!("/v2/{repository}/{}", ask.path))?;
        let known = self.authorization.lock().clone();
        let first = self.send(&url, ask, known).await?;
        let answer = if first.status == StatusCode::UNAUTHORIZED {
            let authorization = self.authorize(&first.headers).await?;
            *self.authorization.lock() = Some(authorization.clone());
            self.send(&url, ask, Some(authorization)).await?
        } else {
            first
        };
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.denied(answer.status)),
            _ => Ok(answer),
        }
    }

    async fn send(
        &self,
        url: &Uri,
        ask: Ask<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, OciError> {
        let mut headers = HeaderMap::new();
        headers.extend(ask.accept.map(|types| (ACCEPT, HeaderValue::from_static(types))));
        let range =
            ask.range.and_then(|(first, last)| HeaderValue::try_from(format!("bytes={first}-{last}")).ok());
        headers.extend(range.map(|range| (RANGE, range)));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        self.transport.get(&self.reference.registry, url.clone(), headers, ask.limit).await
    }

    async fn authorize(&self, headers: &HeaderMap) -> Result<HeaderValue, OciError> {
        let offered: Vec<_> = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| Challenge::parse(value.to_str().ok()?))
            .collect();
        let bearer = offered.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service.as_deref())),
            Challenge::Basic => None,
        });
        let denied = || self.denied(StatusCode::UNAUTHORIZED);
        match bearer {
            Some((realm, service)) => self.token(realm, service).await,
            None if offered.is_empty() => Err(denied()),
            None => self.credentials.as_ref().and_then(Basic::header).ok_or_else(denied),
        }
    }

    /// Fetches a token for pulling, with the credentials if there are any.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<HeaderValue, OciError> {
        let Reference { registry, repository, .. } = &self.reference;
        let malformed = |problem: &str| OciError::Malformed {
            what: "the registry's token challenge",
            problem: problem.to_owned(),
        };
        let query = token_query(service, repository);
        let separator = if realm.contains('?') { '&' } else { '?' };
        let url: Uri =
            format!("{realm}{separator}{query}").parse().map_err(|_| malformed("its realm is no URL"))?;
        let plain_allowed = self.transport.is_plain(registry);
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if plain_allowed => {}
            _ => return Err(malformed("its realm is not an https:// URL")),
        }
        let mut headers = HeaderMap::new();
        headers.extend(self.credentials.as_ref().and_then(Basic::header).map(|value| (AUTHORIZATION, value)));
        let answer = self.transport.get(registry, url, headers, LARGEST_TOKEN).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                return Err(self.denied(answer.status));
            }
            other => return Err(self.status(other, "a token")),
        }
        let token: Token =
            serde_json::from_slice(&answer.body).map_err(|_| malformed("the token is no JSON object"))?;
        let token =
            token.token.or(token.access_token).ok_or_else(|| malformed("the answer holds no token"))?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| malformed("the token is no header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn url(&self, registry: &str, path: &str) -> Result<Uri, OciError> {
        let scheme = if self.transport.is_plain(registry) { "http" } else { "https" };
        let text = format!("{scheme}://{registry}{path}");
        text.parse().map_err(|_| OciError::Reference { text: self.reference.to_string() })
    }

    fn denied(&self, status: StatusCode) -> OciError {
        OciError::Denied {
            registry: self.reference.registry.clone(),
            repository: self.reference.repository.clone(),
            status: status.as_u16(),
            anonymous: self.credentials.is_none(),
        }
    }

    /// An answer that nobody expected.
    pub(super) fn status(&self, status: StatusCode, what: &'static str) -> OciError {
        OciError::Status { registry: self.reference.registry.clone(), what, status: status.as_u16() }
    }
}
