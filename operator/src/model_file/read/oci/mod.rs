//! Parts of a file inside an OCI image, read from its registry without pulling the image.
//!
//! A model in an uncompressed layer costs a manifest, a few tar headers, and the ranges that are asked for,
//! whatever its size. Of a compressed layer the first few MiB are read. See docs/adr for why this is not a library.

mod blob;
mod challenge;
mod credentials;
mod error;
mod find;
mod inflate;
mod manifest;
mod reference;
mod session;
mod tar;
mod transport;

pub use credentials::{Basic, DOCKER_CONFIG_KEY, credentials_for};
pub use error::{Names, OciError};
pub use reference::{Digest, Reference, Version};
pub use transport::{Transport, TransportOptions};

use super::{Reach, ReadAt, ReadError, reach_of};
use blob::Layer;
use bytes::Bytes;
use find::{Found, find};
use futures::future::BoxFuture;
use http::{HeaderName, StatusCode};
use manifest::{Compression, LARGEST_MANIFEST, LayerDescriptor, LayerKind, Manifest};
use session::{Ask, Session};
use std::sync::Arc;

/// An index may lead to an index, once.
const MOST_MANIFESTS: usize = 3;
/// A link may lead to a link.
const MOST_LINKS: usize = 4;
/// Digest of a manifest, as registries state it.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// An image whose manifest was read.
#[derive(Clone, Debug)]
pub struct Image {
    session: Arc<Session>,
    digest: Digest,
    layers: Vec<LayerDescriptor>,
}

/// A file inside an image.
#[derive(Debug)]
pub struct OciFile {
    name: String,
    image: Image,
    path: String,
    layer: Layer,
    offset: u64,
    size: u64,
}

impl Image {
    /// Reads the manifest of an image, through its index if it has one.
    ///
    /// # Errors
    /// If the registry does not give it, or gives something else.
    pub async fn open(
        transport: &Arc<Transport>,
        reference: &Reference,
        credentials: Option<Basic>,
    ) -> Result<Self, OciError> {
        let session = Arc::new(Session::new(transport.clone(), reference.clone(), credentials));
        let mut next = reference.clone();
        let mut top = None;
        for _ in 0..MOST_MANIFESTS {
            let (digest, body) = fetch_manifest(&session, &next).await?;
            let top = top.get_or_insert(digest).clone();
            match manifest::parse(&body, reference)? {
                Manifest::Image(layers) => return Ok(Self { session, digest: top, layers }),
                Manifest::Index(digest) => next = reference.at(digest),
            }
        }
        Err(OciError::Malformed {
            what: "the image's index",
            problem: "it leads to an index of indexes".to_owned(),
        })
    }

    /// The digest of what the reference names: its index, if it has one. The same digest means the same content.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Finds a file, from the topmost layer down.
    ///
    /// # Errors
    /// If it is not there, or a layer that may hold it cannot be read far enough.
    pub async fn file(&self, path: &str) -> Result<OciFile, OciError> {
        let mut names = Names::default();
        let mut wanted = tar::normal(path);
        for _ in 0..MOST_LINKS {
            match self.locate(&wanted, &mut names).await? {
                Located::File { layer, offset, size } => {
                    let name = format!("{}#{path}", self.session.reference());
                    return Ok(OciFile {
                        name,
                        image: self.clone(),
                        path: path.to_owned(),
                        layer,
                        offset,
                        size,
                    });
                }
                Located::Link(target) => wanted = target,
                Located::Nowhere => break,
            }
        }
        let reference = self.session.reference().to_string();
        Err(OciError::FileNotFound { file: wanted, reference, files: names })
    }

    async fn locate(&self, file: &str, names: &mut Names) -> Result<Located, OciError> {
        for descriptor in self.layers.iter().rev() {
            let open = |compression| Layer::new(self.session.clone(), descriptor.clone(), compression);
            let layer = match &descriptor.kind {
                LayerKind::Tar(compression) => open(*compression),
                LayerKind::File(title) if tar::normal(title) == file => {
                    let layer = open(Compression::None);
                    return Ok(Located::File { layer, offset: 0, size: descriptor.size });
                }
                LayerKind::File(title) => {
                    names.add(title);
                    continue;
                }
                LayerKind::Other(media_type) => {
                    let reference = format!("a layer of {}", self.session.reference());
                    return Err(OciError::MediaType { reference, media_type: media_type.clone() });
                }
            };
            match find(&layer, file, names).await? {
                Found::File { offset, size } => return Ok(Located::File { layer, offset, size }),
                Found::Link(target) => return Ok(Located::Link(target)),
                Found::Removed => break,
                Found::Absent => {}
            }
        }
        Ok(Located::Nowhere)
    }
}

enum Located {
    File { layer: Layer, offset: u64, size: u64 },
    Link(String),
    Nowhere,
}

async fn fetch_manifest(session: &Session, reference: &Reference) -> Result<(Digest, Bytes), OciError> {
    let version = match &reference.version {
        Version::Tag(tag) => tag.as_str(),
        Version::Digest(digest) => digest.as_str(),
    };
    let path = format!("manifests/{version}");
    let ask = Ask { path: &path, accept: Some(manifest::ACCEPTED), range: None, limit: LARGEST_MANIFEST };
    let answer = session.get(ask).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(OciError::ImageNotFound { reference: reference.to_string() }),
        other => return Err(session.status(other, "an image's manifest")),
    }
    if !answer.complete {
        return Err(OciError::TooLarge { what: "the image's manifest", limit: LARGEST_MANIFEST });
    }
    let found = Digest::of(&answer.body);
    let stated = || Digest::parse(answer.headers.get(&CONTENT_DIGEST)?.to_str().ok()?);
    let expected = match &reference.version {
        Version::Digest(digest) => Some(digest.clone()),
        Version::Tag(_) => stated(),
    };
    match expected.filter(|expected| *expected != found) {
        Some(expected) => Err(OciError::DigestMismatch {
            reference: reference.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }),
        None => Ok((found, answer.body)),
    }
}

impl OciFile {
    /// The file's length in bytes.
    pub fn length(&self) -> u64 {
        self.size
    }

    /// `length` bytes from `offset`; fewer only where the file ends.
    ///
    /// # Errors
    /// If the registry does not give them.
    pub async fn read(&self, offset: u64, length: usize) -> Result<Bytes, OciError> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = length.min(left);
        let bytes = self.layer.read(self.offset.saturating_add(offset), wanted).await?;
        if bytes.len() < wanted {
            return Err(OciError::Malformed {
                what: "the layer's tar archive",
                problem: "it ends before the file does".to_owned(),
            });
        }
        Ok(bytes)
    }
}

impl ReadAt for OciFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(std::future::ready(Ok(self.size)))
    }

    fn sibling<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        let path = match self.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        };
        Box::pin(async move {
            let file = self.image.file(&path).await;
            let file = file
                .map_err(|error| read_error(&format!("{}#{path}", self.image.session.reference()), &error))?;
            Ok(Some(Box::new(file) as Box<dyn ReadAt>))
        })
    }

    fn reach(&self) -> Reach {
        if self.layer.is_compressed() { Reach::Dimensions } else { reach_of(self.size) }
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        Box::pin(
            async move { self.read(offset, length).await.map_err(|error| read_error(&self.name, &error)) },
        )
    }
}

/// The same in the words that all readers share.
fn read_error(name: &str, error: &OciError) -> ReadError {
    let name = name.to_owned();
    match error {
        OciError::Unreachable { .. } => ReadError::Unreachable { name, reason: error.to_string() },
        OciError::TimedOut { deadline, .. } => ReadError::Deadline { name, deadline: *deadline },
        OciError::Denied { .. } => ReadError::Denied { name, reason: error.to_string() },
        OciError::ImageNotFound { .. } | OciError::FileNotFound { .. } => ReadError::NotFound { name },
        other => ReadError::Answer { name, reason: other.to_string() },
    }
}
