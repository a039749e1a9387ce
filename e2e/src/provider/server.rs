//! The HTTP side.

use super::api::{self, Api, Piece};
use super::openai;
use super::{Fault, Received, Script, Seen};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Who may ask for what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The key; `None` lets everybody in.
    pub key: Option<String>,
    /// The one model there is.
    pub model: String,
}

/// A running provider; dropping it stops it.
#[derive(Debug)]
pub struct Provider {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    _server: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct State {
    options: Options,
    script: Mutex<Script>,
    seen: Mutex<Seen>,
    last: Mutex<Received>,
}

type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

impl Provider {
    /// Starts one.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            options,
            script: Mutex::default(),
            seen: Mutex::default(),
            last: Mutex::default(),
        });
        let server = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::clone(&state))));
        Ok(Self { address, state, _server: server })
    }

    /// What goes into `baseUrl`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it received and bills.
    pub fn seen(&self) -> Seen {
        self.state.seen.lock().clone()
    }

    /// The last request for completions.
    pub fn last(&self) -> Received {
        self.state.last.lock().clone()
    }

    /// Changes its behaviour.
    pub fn script(&self, script: Script) {
        *self.state.script.lock() = script;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Aborted with the listener.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let state = Arc::clone(&state);
        connections.spawn(async move {
            if stream.set_nodelay(true).is_err() {
                return;
            }
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            // A fault is an error here: the connection closes, which is the point of it.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path();
    if let Some(api) = api::ALL.into_iter().find(|api| parts.method == Method::POST && api.path == path) {
        return complete(&state, api, Received { headers: parts.headers, body }).await;
    }
    match (&parts.method, path) {
        (&Method::GET, "/_seen") => {
            let seen = serde_json::to_vec(&*state.seen.lock()).map_err(io::Error::other)?;
            Ok(json(StatusCode::OK, seen.into()))
        }
        (&Method::DELETE, "/_seen") => {
            *state.seen.lock() = Seen::default();
            Ok(json(StatusCode::OK, "{}".into()))
        }
        (&Method::POST, "/_script") => Ok(match serde_json::from_slice(&body) {
            Ok(script) => {
                *state.script.lock() = script;
                json(StatusCode::OK, "{}".into())
            }
            Err(error) => {
                json(StatusCode::BAD_REQUEST, openai::error(&error.to_string(), "script", "script"))
            }
        }),
        _ => Ok(json(
            StatusCode::NOT_FOUND,
            openai::error("no such path", "invalid_request_error", "unknown_url"),
        )),
    }
}

async fn complete(state: &Arc<State>, api: &'static Api, received: Received) -> io::Result<Response<Body>> {
    let (script, fault) = {
        let mut script = state.script.lock();
        let fault = script.next_fault();
        (script.clone(), fault)
    };
    state.seen.lock().add(&received, &script.markers);
    *state.last.lock() = received.clone();
    if let Some(key) = &state.options.key {
        let given = (api.key)(&received.headers);
        if given.is_none_or(|given| given != key.as_bytes()) {
            state.seen.lock().unauthorized += 1;
            // As the real one does: the message quotes the key that was given.
            let given = String::from_utf8_lossy(given.unwrap_or_default());
            let message = format!("Incorrect API key provided: {given}.");
            return Ok(json(
                StatusCode::UNAUTHORIZED,
                (api.error)(&message, "invalid_request_error", "invalid_api_key"),
            ));
        }
    }
    let mut asked = match (api.ask)(&received.headers, &received.body) {
        Ok(asked) => asked,
        Err(wrong) => {
            let body = (api.error)(&wrong, "invalid_request_error", "invalid_json");
            return Ok(json(StatusCode::BAD_REQUEST, body));
        }
    };
    asked.cached_tokens = script.cached_tokens.min(asked.prompt_tokens);
    if asked.model != state.options.model {
        let message = format!("The model `{}` does not exist", asked.model);
        return Ok(json(
            StatusCode::NOT_FOUND,
            (api.error)(&message, "invalid_request_error", "model_not_found"),
        ));
    }
    match fault {
        Fault::Status(status) => return Ok(failure(api, status)),
        Fault::Reset => return Err(io::Error::other("scripted reset")),
        Fault::Stall => std::future::pending().await,
        Fault::ErrorEvent => {
            let pieces = vec![((api.error_event)(), 0)];
            return Ok(stream_of(state, api, asked.stream, pieces, Fault::None, Duration::ZERO));
        }
        Fault::Overflow => return Ok(json(StatusCode::BAD_REQUEST, (api.overflow)())),
        Fault::None | Fault::CutAfter(_) | Fault::StallAfter(_) | Fault::ErrorAfter(_) => {}
    }
    let pieces = if asked.stream { (api.events)(&asked, &script) } else { (api.whole)(&asked, &script) };
    let mut seen = state.seen.lock();
    seen.prompt_tokens += asked.prompt_tokens;
    seen.cached_tokens += asked.cached_tokens;
    drop(seen);
    let pieces = api::cut(pieces, script.piece_bytes);
    Ok(stream_of(state, api, asked.stream, pieces, fault, Duration::from_millis(script.gap_ms)))
}

/// Counts an answer that nobody took to its end.
struct Taken {
    state: Arc<State>,
    whole: bool,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.state.seen.lock().abandoned += u64::from(!self.whole);
    }
}

/// An answer in pieces; each bills its tokens as it goes out.
fn stream_of(
    state: &Arc<State>,
    api: &'static Api,
    events: bool,
    pieces: Vec<Piece>,
    fault: Fault,
    gap: Duration,
) -> Response<Body> {
    let taken = Taken { state: Arc::clone(state), whole: false };
    let body =
        stream::unfold((pieces.into_iter(), 0, taken), move |(mut pieces, sent, mut taken)| async move {
            if sent > 0 && !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
            match fault {
                Fault::CutAfter(after) if sent == after => {
                    taken.whole = true;
                    return Some((Err(io::Error::other("scripted cut")), (pieces, sent + 1, taken)));
                }
                Fault::StallAfter(after) if sent == after => std::future::pending().await,
                Fault::ErrorAfter(after) if sent == after => {
                    taken.whole = true;
                    return Some((
                        Ok(Frame::data((api.error_event)())),
                        (Vec::new().into_iter(), sent + 1, taken),
                    ));
                }
                _ => {}
            }
            let (piece, tokens) = pieces.next()?;
            taken.whole = pieces.len() == 0;
            taken.state.seen.lock().completion_tokens += tokens;
            Some((Ok(Frame::data(piece)), (pieces, sent + 1, taken)))
        });
    let mut response = Response::new(StreamBody::new(body.boxed()));
    let kind = if events { "text/event-stream" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn failure(api: &Api, status: u16) -> Response<Body> {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(code, (api.error)("scripted failure", "server_error", "scripted"));
    if code == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
    }
    response
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let once = stream::once(async move { Ok(Frame::data(body)) });
    let mut response = Response::new(StreamBody::new(once.boxed()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
