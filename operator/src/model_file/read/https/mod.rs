//! Files behind http and https URLs, read by range requests.

mod client;
mod range;
mod redirect;
#[cfg(test)]
mod tests;
mod version;

pub use client::HttpsClient;

use super::lookup::LookupError;
use super::{Reach, ReadAt, ReadError, reach_of};
use bytes::{Bytes, BytesMut};
use client::{Body, Response};
use flotilla_model_source::ContentRange;
use flotilla_model_source::origin::Request;
use futures::future::BoxFuture;
use http::{StatusCode, Uri, header};
use http_body_util::BodyExt;
use range::content_range;
use std::error::Error as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Looking up the name, connecting, redirects, and the whole answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// The most that one call reads.
const MAX_READ: u64 = 1 << 25;
/// The most that is read of an answer from a server without ranges, which sends the file from its start.
const MAX_FROM_START: u64 = 4 << 20;
/// Causes of a cause that are looked at.
const LONGEST_CHAIN: usize = 8;

/// A file behind a URL.
pub struct HttpsFile {
    client: HttpsClient,
    url: Uri,
    name: String,
    token: Option<String>,
    /// For the host of `url` alone, as the token.
    headers: Vec<(&'static str, &'static str)>,
    size: OnceLock<u64>,
    /// Of the first answer; none where it says none.
    version: OnceLock<Option<String>>,
    /// Whether the server gave a part when it was asked for one.
    gives_parts: AtomicBool,
}

/// A text that is no URL of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is no https:// or http:// URL")]
pub struct UrlError {
    /// The text, without credentials or query.
    pub name: String,
}

impl HttpsFile {
    /// The file at `url`. A `token` is sent as a bearer token, to the host of `url` alone.
    pub fn new(client: HttpsClient, url: &str, token: Option<String>) -> Result<Self, UrlError> {
        let name = public_part(url);
        // Credentials in a URL end up in logs; there is a header for them.
        let usable = |url: &Uri| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        };
        let url = url.parse::<Uri>().ok().filter(usable).ok_or_else(|| UrlError { name: name.clone() })?;
        Ok(Self {
            client,
            url,
            name,
            token,
            headers: Vec::new(),
            size: OnceLock::new(),
            version: OnceLock::new(),
            gives_parts: AtomicBool::new(false),
        })
    }

    /// The file that `request` asks for.
    pub fn of(client: HttpsClient, request: Request) -> Result<Self, UrlError> {
        let Request { url, token, headers } = request;
        Ok(Self { headers, ..Self::new(client, url.as_str(), token)? })
    }

    /// Which version of it the server has: another text, another file. None where the server does not say.
    ///
    /// # Errors
    /// If the server does not answer a request for its first byte, or refuses it.
    pub async fn version(&self) -> Result<Option<String>, ReadError> {
        if self.version.get().is_none() {
            self.read(0, 1).await?;
        }
        Ok(self.version.get().cloned().flatten())
    }

    /// Reads within the deadline.
    async fn read(&self, offset: u64, length: usize) -> Result<Bytes, ReadError> {
        let length = length as u64;
        if length > MAX_READ {
            return Err(ReadError::TooLarge { name: self.name.clone(), limit: MAX_READ });
        }
        if length == 0 || self.size.get().is_some_and(|size| offset >= *size) {
            return Ok(Bytes::new());
        }
        match tokio::time::timeout(DEADLINE, self.ask(offset, length)).await {
            Ok(answer) => answer,
            Err(_) => Err(ReadError::Deadline { name: self.name.clone(), deadline: DEADLINE }),
        }
    }

    async fn ask(&self, offset: u64, length: u64) -> Result<Bytes, ReadError> {
        let end = offset.checked_add(length).ok_or_else(|| self.answer("the offset is too large"))?;
        let (response, version) = redirect::follow(self, &range::header(offset, end)).await?;
        if response.status().is_success() {
            self.version.get_or_init(|| version.text());
        }
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.part(response, offset, end).await,
            StatusCode::OK => self.whole(response, offset, end).await,
            StatusCode::RANGE_NOT_SATISFIABLE => self.beyond(&response, offset),
            status => Err(self.refused(status)),
        }
    }

    /// Takes the part of the file that was asked for.
    async fn part(&self, response: Response, offset: u64, end: u64) -> Result<Bytes, ReadError> {
        let range = content_range(response.headers());
        let Some(ContentRange { part: Some((from, to)), size }) = range else {
            return Err(self.answer("206 Partial Content without a usable Content-Range"));
        };
        if let Some(size) = size {
            self.note_size(size)?;
        }
        let wanted = size.map_or(end, |size| end.min(size));
        if from != offset || to != wanted {
            return Err(self.answer(&format!("bytes {from} to {to}, not {offset} to {wanted}")));
        }
        self.gives_parts.store(true, Ordering::Relaxed);
        let length = wanted - offset;
        let bytes = self.collect(response.into_body(), length, length).await?;
        if (bytes.len() as u64) < length {
            let at = offset.saturating_add(bytes.len() as u64);
            return Err(ReadError::Truncated { name: self.name.clone(), at, wanted });
        }
        Ok(bytes)
    }

    /// Takes a part near the start from a server that sends the whole file; the rest is not read.
    async fn whole(&self, response: Response, offset: u64, end: u64) -> Result<Bytes, ReadError> {
        let size = response
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(size) = size {
            self.note_size(size)?;
        }
        let wanted = size.map_or(end, |size| end.min(size));
        if wanted > MAX_FROM_START {
            return Err(self.answer(&format!(
                "the server ignores Range, and only the first {MAX_FROM_START} bytes are read from such a server"
            )));
        }
        let mut bytes = self.collect(response.into_body(), wanted, u64::MAX).await?;
        let got = bytes.len() as u64;
        if size.is_some() && got < wanted {
            return Err(ReadError::Truncated { name: self.name.clone(), at: got, wanted });
        }
        let start = usize::try_from(offset.min(got)).unwrap_or(bytes.len());
        Ok(bytes.split_off(start))
    }

    /// An answer that says how long the file is, which is less than was asked for.
    fn beyond(&self, response: &Response, offset: u64) -> Result<Bytes, ReadError> {
        let range = content_range(response.headers());
        match range.and_then(|range| range.size) {
            Some(size) if size <= offset => {
                self.note_size(size)?;
                Ok(Bytes::new())
            }
            _ => Err(self.answer("416 Range Not Satisfiable for a range inside the file")),
        }
    }

    /// Up to `wanted` bytes of a body that may have `limit`.
    async fn collect(&self, mut body: Body, wanted: u64, limit: u64) -> Result<Bytes, ReadError> {
        let mut bytes = BytesMut::new();
        while (bytes.len() as u64) < wanted || limit == wanted {
            let Some(frame) = body.frame().await else { break };
            let frame = match frame {
                Ok(frame) => frame,
                // What came so far tells where it broke off.
                Err(error) if broke_off(&error) => break,
                Err(error) => return Err(self.unreachable(&error)),
            };
            if let Some(data) = frame.data_ref() {
                if bytes.len() as u64 + data.len() as u64 > limit {
                    return Err(self.answer(&format!("more than the {limit} bytes that were asked for")));
                }
                bytes.extend_from_slice(data);
            }
        }
        bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        Ok(bytes.freeze())
    }

    /// Remembers the file's length; it must not change while it is read.
    fn note_size(&self, size: u64) -> Result<(), ReadError> {
        let first = *self.size.get_or_init(|| size);
        if first == size {
            return Ok(());
        }
        Err(self.answer(&format!("the file had {first} bytes and now has {size}")))
    }

    async fn ask_size(&self) -> Result<u64, ReadError> {
        if self.size.get().is_none() {
            self.read(0, 1).await?;
        }
        self.size.get().copied().ok_or_else(|| self.answer("the server does not say how long the file is"))
    }

    fn answer(&self, reason: &str) -> ReadError {
        ReadError::Answer { name: self.name.clone(), reason: reason.to_owned() }
    }

    fn internal(&self, reason: &str) -> ReadError {
        ReadError::Internal { name: self.name.clone(), reason: reason.to_owned() }
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> ReadError {
        let causes: Vec<_> =
            std::iter::successors(Some(error), |error| (**error).source()).take(LONGEST_CHAIN).collect();
        let lookup = causes.iter().find_map(|cause| cause.downcast_ref::<LookupError>());
        if let Some(LookupError::Refused(refused)) = lookup {
            return self.internal(&refused.to_string());
        }
        let reason = causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        ReadError::Unreachable { name: self.name.clone(), reason }
    }

    fn refused(&self, status: StatusCode) -> ReadError {
        let (name, reason) = (self.name.clone(), status.to_string());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ReadError::Denied { name, reason },
            StatusCode::NOT_FOUND | StatusCode::GONE => ReadError::NotFound { name },
            StatusCode::TOO_MANY_REQUESTS => ReadError::Unreachable { name, reason },
            status if status.is_server_error() => ReadError::Unreachable { name, reason },
            _ => ReadError::Answer { name, reason },
        }
    }
}

impl ReadAt for HttpsFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(self.ask_size())
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        Box::pin(self.read(offset, length))
    }

    /// The same URL with another last part; what stands behind a `?` stays.
    fn sibling<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        let url = self.url.to_string();
        let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        let file = Self::new(self.client.clone(), &format!("{folder}/{name}{query}"), self.token.clone());
        let file = file.map(|file| Some(Box::new(file) as Box<dyn ReadAt>));
        Box::pin(std::future::ready(file.map_err(|error| self.answer(&error.to_string()))))
    }

    /// Until it was read from, and where a server gives no parts, no more than what comes first.
    fn reach(&self) -> Reach {
        let size = self.size.get().filter(|_| self.gives_parts.load(Ordering::Relaxed));
        size.map_or(Reach::Dimensions, |size| reach_of(*size))
    }
}

/// Whether a body ended before the length that was announced.
fn broke_off(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_incomplete_message() || io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
}

/// A URL without credentials, query and fragment, which may hold secrets.
fn public_part(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            let user = host.rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", rest.get(user..).unwrap_or_default())
        }
        None => path.to_owned(),
    }
}
