//! A file of a hub, a bucket or a web server.

use super::{Place, Readable};
use crate::kube_ext::within;
use crate::model_deployment::file::entry::Head;
use crate::model_deployment::file::{Failure, Readers, failure};
use crate::model_file::ModelFile;
use crate::model_file::read::{ReadError, SourceFile};
use flotilla_crds::ModelDeployment;
use flotilla_model_source::Source;
use flotilla_model_source::origin::{self, Credentials, HUB, Origin, OriginError};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::fmt;
use std::sync::Arc;

/// Hex digits of a commit.
const COMMIT_DIGITS: usize = 40;

/// A file that `spec.model` names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtSource {
    /// `spec.model.source`.
    pub source: Source,
    /// The hub or the S3 API to ask instead of the usual one.
    pub endpoint: Option<String>,
    /// The region that S3 requests are signed for.
    pub region: Option<String>,
    /// The checksum that the file is to have.
    pub sha256: Option<String>,
    /// What it is asked for with.
    pub secret: Option<SecretRef>,
}

/// A Secret with credentials for a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The key of the token, unless it is the usual one.
    pub key: Option<String>,
}

impl AtSource {
    pub(super) fn of(object: &ModelDeployment, source: &Source) -> Option<Result<Place, Failure>> {
        if !source.is_fetched() || source.file().is_empty() {
            return None;
        }
        let model = &object.spec.model;
        let secret = model.credentials_ref.as_ref().map(|secret| SecretRef {
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
            name: secret.name.clone(),
            key: secret.key.clone(),
        });
        Some(Ok(Place::Source(Self {
            source: source.clone(),
            endpoint: model.endpoint.clone(),
            region: model.region.clone(),
            sha256: model.sha256.clone(),
            secret,
        })))
    }

    /// The place that has it, asked as whoever `credentials` are of.
    ///
    /// # Errors
    /// If its URL is none.
    pub fn origin(&self, credentials: Credentials) -> Result<Arc<dyn Origin>, OriginError> {
        let place = origin::Place { endpoint: self.endpoint.as_deref(), region: self.region.as_deref() };
        origin::origin(&self.source, place, credentials).map(Arc::from)
    }

    async fn open(&self, readers: &Readers, known: Option<Head>) -> Result<Head, Failure> {
        let failed = |error: ReadError| Failure::of_file(&error.into(), &failure::SOURCE);
        let credentials = match &self.secret {
            Some(secret) => self.credentials(&readers.client, secret).await?,
            None => Credentials::default(),
        };
        let file = SourceFile::new(readers.sources.clone(), self.origin(credentials)?).map_err(failed)?;
        if let Some(known) = known.filter(|known| known.version.is_some())
            && file.version().await.map_err(failed)? == known.version
        {
            return Ok(known);
        }
        let head = ModelFile::read(&file).await;
        let head = head.map_err(|error| Failure::of_file(&error, &failure::SOURCE))?;
        Head::new(head, file.version().await.map_err(failed)?, self.source.file())
    }

    async fn credentials(&self, client: &Client, secret: &SecretRef) -> Result<Credentials, Failure> {
        let SecretRef { namespace, name, key } = secret;
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let found = within(|| format!("could not read Secret {name}"), api.get_opt(name)).await;
        let found = found.map_err(|error| Failure::secret(error.to_string(), &failure::SOURCE))?;
        let found = found.ok_or_else(|| Failure::no_secret(name, None))?.data.unwrap_or_default();
        let value = |key: &str| String::from_utf8(found.get(key)?.0.clone()).ok();
        Credentials::of_secret(&self.source, key.as_deref(), value)
            .map_err(|key| Failure::no_secret(name, Some(key)))
    }
}

impl Readable for AtSource {
    fn host(&self) -> String {
        let url = match &self.source {
            Source::Https(web) => &web.url,
            Source::S3(object) => self.endpoint.as_ref().unwrap_or(&object.bucket),
            _ => self.endpoint.as_deref().unwrap_or(HUB),
        };
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        authority.split(['/', '?']).next().unwrap_or_default().to_owned()
    }

    fn words(&self) -> &'static failure::Words {
        &failure::SOURCE
    }

    fn may_move(&self) -> bool {
        let is_commit = |revision: &str| {
            revision.len() == COMMIT_DIGITS && revision.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        let is_named = matches!(&self.source, Source::HuggingFace(hub) if is_commit(&hub.revision));
        self.sha256.is_none() && !is_named
    }

    fn read<'a>(&'a self, readers: &'a Readers, known: Option<Head>) -> BoxFuture<'a, Result<Head, Failure>> {
        Box::pin(self.open(readers, known))
    }
}

impl fmt::Display for AtSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.source.file(), self.host())
    }
}
