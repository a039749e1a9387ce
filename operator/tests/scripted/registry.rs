//! A small OCI registry on a loopback port: manifests, blobs with ranges, tokens, and faults.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use flotilla_operator::model_file::read::oci::Digest;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RANGE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use tokio_util::task::AbortOnDropHandle;

pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// How the registry behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Every request is answered with this status.
    pub(crate) status: Option<u16>,
    /// User and password; with `tokens`, a token has to be fetched for them first.
    pub(crate) user: Option<(&'static str, &'static str)>,
    /// A token has to be fetched, by anybody if there is no `user`.
    pub(crate) tokens: bool,
    /// Ranges are ignored.
    pub(crate) no_ranges: bool,
    /// Blobs are elsewhere, below this URL.
    pub(crate) blobs_at: Option<String>,
    /// Answers never come.
    pub(crate) silent: bool,
}

/// What a blob holds: some bytes, then zeros up to its size.
#[derive(Clone)]
struct Blob {
    head: Vec<u8>,
    size: u64,
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

#[derive(Default)]
struct Content {
    behaviour: Behaviour,
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Blob>,
    seen: Vec<Seen>,
    sent: usize,
}

/// A running registry; it stops when it is dropped.
pub(crate) struct Registry {
    /// Host and port.
    pub(crate) address: String,
    content: Arc<Mutex<Content>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Served {
    address: String,
    content: Arc<Mutex<Content>>,
}

impl Registry {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let content = Arc::new(Mutex::new(Content { behaviour, ..Content::default() }));
        let served = Served { address: address.clone(), content: content.clone() };
        let router = Router::new().fallback(answer).with_state(served);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, content, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.content.lock().unwrap().behaviour = behaviour;
    }

    /// Stores a blob and returns its descriptor.
    pub(crate) fn layer(&self, media_type: &str, bytes: &[u8]) -> Value {
        self.sparse_layer(media_type, bytes, bytes.len() as u64)
    }

    /// A blob of `size` bytes, of which all after `head` are zero. Its digest is that of the head.
    pub(crate) fn sparse_layer(&self, media_type: &str, head: &[u8], size: u64) -> Value {
        let digest = Digest::of(head).to_string();
        let blob = Blob { head: head.to_vec(), size };
        self.content.lock().unwrap().blobs.insert(digest.clone(), blob);
        json!({"mediaType": media_type, "digest": digest, "size": size})
    }

    /// Stores a manifest under a tag of `m` and under its digest, which it returns.
    pub(crate) fn manifest(&self, tag: &str, manifest: &Value) -> Digest {
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        let mut content = self.content.lock().unwrap();
        content.manifests.insert(digest.to_string(), bytes.clone());
        content.manifests.insert(tag.to_owned(), bytes);
        digest
    }

    /// Stores an image of these layers.
    pub(crate) fn image(&self, tag: &str, layers: &[Value]) -> Digest {
        self.manifest(tag, &json!({"schemaVersion": 2, "layers": layers}))
    }

    /// Puts other bytes where a manifest was.
    pub(crate) fn forge(&self, version: &str, bytes: &[u8]) {
        self.content.lock().unwrap().manifests.insert(version.to_owned(), bytes.to_vec());
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.content.lock().unwrap().seen.clone()
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.content.lock().unwrap().sent
    }
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let (response, silent) = {
        let mut content = served.content.lock().unwrap();
        let (status, headers, body) = content.answer(&served.address, &request);
        content.sent += body.len();
        ((status, headers, Body::from(body)).into_response(), content.behaviour.silent)
    };
    if silent {
        std::future::pending::<()>().await;
    }
    response
}

type Plain = (StatusCode, HeaderMap, Vec<u8>);

fn bare(status: StatusCode) -> Plain {
    (status, HeaderMap::new(), Vec::new())
}

fn with(status: StatusCode, name: http::HeaderName, value: &str) -> Plain {
    (status, HeaderMap::from_iter([(name, value.parse().unwrap())]), Vec::new())
}

impl Content {
    fn answer(&mut self, address: &str, request: &Request) -> Plain {
        let header = |name| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let authorization = header(AUTHORIZATION);
        let path = request.uri().path().to_owned();
        self.seen.push(Seen { path: path.clone(), authorization: authorization.clone() });
        if let Some(status) = self.behaviour.status {
            return bare(StatusCode::from_u16(status).unwrap());
        }
        let basic = self.behaviour.user.map(|(user, password)| {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Basic {encoded}")
        });
        if path == "/token" {
            assert!(request.uri().query().unwrap().contains("scope=repository:m:pull"), "{}", request.uri());
            return if basic.is_none() || basic == authorization {
                (StatusCode::OK, HeaderMap::new(), json!({"token": "t0"}).to_string().into_bytes())
            } else {
                bare(StatusCode::UNAUTHORIZED)
            };
        }
        let (wanted, challenge) = if self.behaviour.tokens {
            let challenge =
                format!(r#"Bearer realm="http://{address}/token",service="test",scope="repository:m:pull""#);
            (Some("Bearer t0".to_owned()), challenge)
        } else {
            (basic, r#"Basic realm="test""#.to_owned())
        };
        if wanted.is_some() && wanted != authorization {
            return with(StatusCode::UNAUTHORIZED, WWW_AUTHENTICATE, &challenge);
        }
        if let Some(version) = path.strip_prefix("/v2/m/manifests/") {
            return match self.manifests.get(version) {
                Some(bytes) => (
                    StatusCode::OK,
                    HeaderMap::from_iter([(CONTENT_TYPE, "application/json".parse().unwrap())]),
                    bytes.clone(),
                ),
                None => bare(StatusCode::NOT_FOUND),
            };
        }
        let Some(digest) = path.strip_prefix("/v2/m/blobs/") else { return bare(StatusCode::NOT_FOUND) };
        if let Some(elsewhere) = &self.behaviour.blobs_at {
            return with(
                StatusCode::TEMPORARY_REDIRECT,
                LOCATION,
                &format!("{elsewhere}/v2/m/blobs/{digest}"),
            );
        }
        match self.blobs.get(digest) {
            Some(blob) => blob.answer(header(RANGE).filter(|_| !self.behaviour.no_ranges).as_deref()),
            None => bare(StatusCode::NOT_FOUND),
        }
    }
}

impl Blob {
    fn answer(&self, range: Option<&str>) -> Plain {
        let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        else {
            return (StatusCode::OK, HeaderMap::new(), self.part(0, self.size));
        };
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        // As strict as the strictest of registries.
        if first > last || last >= self.size {
            return bare(StatusCode::RANGE_NOT_SATISFIABLE);
        }
        (StatusCode::PARTIAL_CONTENT, HeaderMap::new(), self.part(first, last + 1))
    }

    fn part(&self, start: u64, end: u64) -> Vec<u8> {
        (start..end).map(|at| self.head.get(usize::try_from(at).unwrap()).copied().unwrap_or(0)).collect()
    }
}

/// A tar archive of these files, as the `tar` crate writes it.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The beginning of an archive: one file of a size that is not all there.
pub(crate) fn archive_head(path: &str, size: u64, head: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path).unwrap();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    [header.as_bytes(), head].concat()
}

/// An archive with one link.
pub(crate) fn link(path: &str, target: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_link(&mut header, path, target).unwrap();
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
