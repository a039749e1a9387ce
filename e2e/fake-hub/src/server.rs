//! The HTTP side.

use super::content::sha256;
use super::signature::{self, AccessKey};
use super::{Asked, Contents, Fault, Script};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Bytes of a piece of a body.
const PIECE: usize = 16 << 10;

/// What tells requests of the S3 API from others here, whether they are signed or not.
const S3_HEADER: &str = "x-amz-checksum-mode";

/// Who may ask, and where large files lie.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The token of the hub and of plain files; `None` lets everybody in.
    pub token: Option<String>,
    /// The access key that S3 requests must be signed with; `None` lets everybody in.
    pub access_key: Option<AccessKey>,
    /// What the hub's redirects begin with, such as `http://localhost:1234`; empty for this host.
    pub storage: String,
}

/// A running hub; dropping it stops it.
#[derive(Debug)]
pub struct Hub {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    options: Mutex<Options>,
    contents: Mutex<Contents>,
    script: Mutex<Script>,
    seen: Mutex<Vec<Asked>>,
}

type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

impl Hub {
    /// Starts one.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(listen: SocketAddr, options: Options, contents: Contents) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            options: Mutex::new(options),
            contents: Mutex::new(contents),
            script: Mutex::default(),
            seen: Mutex::default(),
        });
        let server = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::clone(&state))));
        Ok(Self { address, state, _server: server })
    }

    /// What `endpoint` is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked, in order.
    pub fn seen(&self) -> Vec<Asked> {
        self.state.seen.lock().clone()
    }

    /// Changes its behaviour.
    pub fn script(&self, script: Script) {
        *self.state.script.lock() = script;
    }

    /// Changes who may ask.
    pub fn set_options(&self, options: Options) {
        *self.state.options.lock() = options;
    }

    /// Changes what there is.
    pub fn set_contents(&self, contents: Contents) {
        *self.state.contents.lock() = contents;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Aborted with the listener.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            // A fault is an error here: the connection closes, which is the point of it.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let (path, headers) = (parts.uri.path(), &parts.headers);
    match (&parts.method, path) {
        (&Method::GET, "/_seen") => {
            let seen = serde_json::to_vec(&*state.seen.lock()).map_err(io::Error::other)?;
            return Ok(whole(StatusCode::OK, seen));
        }
        (&Method::POST, "/_script") => {
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            return Ok(match serde_json::from_slice(&body) {
                Ok(script) => {
                    *state.script.lock() = script;
                    whole(StatusCode::OK, "{}")
                }
                Err(error) => whole(StatusCode::BAD_REQUEST, error.to_string()),
            });
        }
        _ => {}
    }
    let index = note(&state, path, headers);
    let (options, contents) = (state.options.lock().clone(), state.contents.lock().clone());
    let bearer = options.token.as_ref().map(|token| format!("Bearer {token}"));
    let is_known = bearer.is_none() || text(headers, header::AUTHORIZATION.as_str()) == bearer;
    let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let file = match segments.as_slice() {
        ["cdn", digest] => contents.by_sha256(digest).cloned(),
        [_bucket, key @ ..] if headers.contains_key(S3_HEADER) => {
            let check = |key| signature::check(key, &parts.uri, headers, Timestamp::now());
            if let Some(Err(refusal)) = options.access_key.as_ref().map(check) {
                return Ok(whole(StatusCode::FORBIDDEN, refusal.body()));
            }
            contents.get(&signature::decoded(&key.join("/"))).cloned()
        }
        _ if !is_known => {
            let mut refused = whole(StatusCode::UNAUTHORIZED, "{}");
            refused.headers_mut().insert("x-error-code", HeaderValue::from_static("GatedRepo"));
            return Ok(refused);
        }
        ["files", name @ ..] => contents.get(&name.join("/")).cloned(),
        ["api", "models", _owner, _name, "revision", revision] => {
            return Ok(if is_revision(revision, &contents) {
                whole(StatusCode::OK, list(&contents))
            } else {
                missing("RevisionNotFound")
            });
        }
        [_owner, _name, "resolve", revision, file @ ..] if is_revision(revision, &contents) => {
            return Ok(match contents.get(&file.join("/")) {
                Some(bytes) => linked(&options.storage, bytes, &contents.commit()),
                None => missing("EntryNotFound"),
            });
        }
        _ => None,
    };
    let Some(file) = file else { return Ok(missing("RepoNotFound")) };
    Ok(send(&state, index, headers, &file))
}

fn is_revision(revision: &str, contents: &Contents) -> bool {
    revision == "main" || revision == contents.commit()
}

fn list(contents: &Contents) -> Vec<u8> {
    let sibling = |(path, bytes): (&String, &Bytes)| json!({"rfilename": path, "size": bytes.len(), "lfs": {"sha256": sha256(bytes)}});
    let siblings: Vec<_> = contents.files().map(sibling).collect();
    json!({"sha": contents.commit(), "siblings": siblings}).to_string().into_bytes()
}

/// Remembers a request and returns its place.
fn note(state: &State, path: &str, headers: &HeaderMap) -> usize {
    let mut seen = state.seen.lock();
    seen.push(Asked {
        path: path.to_owned(),
        host: text(headers, "host").unwrap_or_default(),
        range: text(headers, "range"),
        authorization: text(headers, "authorization"),
        sent: 0,
    });
    seen.len() - 1
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A redirect to storage, with what the hub knows of the file.
fn linked(storage: &str, bytes: &Bytes, commit: &str) -> Response<Body> {
    let digest = sha256(bytes);
    let mut response = whole(StatusCode::FOUND, "");
    for (name, value) in [
        ("location", format!("{storage}/cdn/{digest}")),
        ("x-linked-etag", format!("\"{digest}\"")),
        ("x-linked-size", bytes.len().to_string()),
        ("x-repo-commit", commit.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn missing(code: &'static str) -> Response<Body> {
    let mut response = whole(StatusCode::NOT_FOUND, "{}");
    response.headers_mut().insert("x-error-code", HeaderValue::from_static(code));
    response
}

/// The part of a file that was asked for, as the script has it.
fn send(state: &Arc<State>, index: usize, headers: &HeaderMap, file: &Bytes) -> Response<Body> {
    let (script, fault) = {
        let mut script = state.script.lock();
        let fault = script.next_fault();
        (script.clone(), fault)
    };
    if let Fault::Status(status) = fault {
        let mut response = whole(StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT), "");
        if status == 429 {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        return response;
    }
    let etag = format!("\"{}\"", &sha256(file)[..16]);
    let is_same = text(headers, "if-range").is_none_or(|known| known == etag);
    let range = text(headers, "range").filter(|_| is_same && !script.no_ranges);
    let size = file.len();
    let (status, start, end) = match range.and_then(|range| part(&range)) {
        Some((from, _)) if from >= size => (StatusCode::RANGE_NOT_SATISFIABLE, size, size),
        Some((from, last)) => {
            (StatusCode::PARTIAL_CONTENT, from, last.map_or(size, |last| size.min(last + 1)))
        }
        None => (StatusCode::OK, 0, size),
    };
    let mut bytes = file.slice(start..end).to_vec();
    if let (Fault::WrongBytes, Some(last)) = (fault, bytes.last_mut()) {
        *last ^= 1;
    }
    let length = bytes.len();
    let body = pieces(Arc::clone(state), index, bytes.into(), fault, Duration::from_millis(script.gap_ms));
    let mut response = Response::new(StreamBody::new(body));
    *response.status_mut() = status;
    let range = match status {
        StatusCode::PARTIAL_CONTENT => Some(format!("bytes {start}-{}/{size}", end - 1)),
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
        _ => None,
    };
    for (name, value) in [
        (header::ETAG, Some(etag)),
        (header::CONTENT_RANGE, range),
        (header::CONTENT_LENGTH, Some(length.to_string())),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The first byte of a part, and the last unless it goes on to the end.
fn part(range: &str) -> Option<(usize, Option<usize>)> {
    let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok().filter(|last| *last >= from)?) };
    Some((from, last))
}

fn pieces(
    state: Arc<State>,
    index: usize,
    bytes: Bytes,
    fault: Fault,
    gap: Duration,
) -> BoxStream<'static, io::Result<Frame<Bytes>>> {
    let end = match fault {
        Fault::CutAfter(after) => usize::try_from(after).unwrap_or(usize::MAX).min(bytes.len()),
        _ => bytes.len(),
    };
    let is_cut = matches!(fault, Fault::CutAfter(_));
    stream::unfold((0, false), move |(at, over)| {
        let (state, bytes) = (Arc::clone(&state), bytes.clone());
        async move {
            if over {
                return None;
            }
            if at >= end {
                return is_cut.then(|| (Err(io::Error::other("scripted cut")), (at, true)));
            }
            if at > 0 && !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
            let next = (at + PIECE).min(end);
            if let Some(asked) = state.seen.lock().get_mut(index) {
                asked.sent += (next - at) as u64;
            }
            Some((Ok(Frame::data(bytes.slice(at..next))), (next, false)))
        }
    })
    .boxed()
}

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body: Bytes = body.into();
    let length = body.len();
    let once = stream::once(async move { Ok(Frame::data(body)) });
    let mut response = Response::new(StreamBody::new(once.boxed()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
