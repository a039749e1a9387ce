//! A file in an image of a registry.

use super::{Place, Readable};
use crate::kube_ext::within;
use crate::model_deployment::file::entry::Head;
use crate::model_deployment::file::{Failure, Readers, failure};
use crate::model_file::ModelFile;
use crate::model_file::read::oci::{Basic, DOCKER_CONFIG_KEY, Image, Reference, Version, credentials_for};
use flotilla_crds::ModelDeployment;
use flotilla_model_source::{OciImage, Source};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::fmt;

/// A file in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InImage {
    /// The image.
    pub reference: Reference,
    /// The file's path in it.
    pub path: String,
    /// The namespace and names of pull secrets.
    pub secrets: Option<(String, Vec<String>)>,
}

impl InImage {
    pub(super) fn of(object: &ModelDeployment, source: &Source) -> Option<Result<Place, Failure>> {
        let Source::Oci(OciImage { reference, file }) = source else { return None };
        let names: Vec<_> = object.spec.model.pull_secrets.iter().map(|secret| secret.name.clone()).collect();
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let reference = Reference::parse(reference).map_err(Failure::from);
        Some(reference.map(|reference| {
            let secrets = (!names.is_empty()).then_some((namespace, names));
            Place::Image(Self { reference, path: file.clone(), secrets })
        }))
    }

    async fn open(&self, readers: &Readers, known: Option<Head>) -> Result<Head, Failure> {
        let credentials = self.credentials(&readers.client).await?;
        let image = Image::open(&readers.registries, &self.reference, credentials).await?;
        let digest = image.digest().to_string();
        if let Some(known) = known.filter(|known| known.version.as_ref() == Some(&digest)) {
            return Ok(known);
        }
        let file = image.file(&self.path).await?;
        let file = ModelFile::read(&file).await;
        let file = file.map_err(|error| Failure::of_file(&error, &failure::REGISTRY))?;
        Head::new(file, Some(digest), &self.path)
    }

    /// The credentials of the first pull secret that has any for the registry. A Secret that does not exist counts for
    /// nothing, as with the kubelet.
    async fn credentials(&self, client: &Client) -> Result<Option<Basic>, Failure> {
        let Some((namespace, names)) = &self.secrets else { return Ok(None) };
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        for name in names {
            let secret = within(|| format!("could not read pull secret {name}"), api.get_opt(name)).await;
            let secret = secret.map_err(|error| Failure::secret(error.to_string(), &failure::REGISTRY))?;
            let config = secret.and_then(|secret| secret.data?.remove(DOCKER_CONFIG_KEY));
            let found = config.and_then(|config| credentials_for(&config.0, &self.reference.registry));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Readable for InImage {
    fn host(&self) -> String {
        self.reference.registry.clone()
    }

    fn words(&self) -> &'static failure::Words {
        &failure::REGISTRY
    }

    fn may_move(&self) -> bool {
        matches!(self.reference.version, Version::Tag(_))
    }

    fn read<'a>(&'a self, readers: &'a Readers, known: Option<Head>) -> BoxFuture<'a, Result<Head, Failure>> {
        Box::pin(self.open(readers, known))
    }
}

impl fmt::Display for InImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.reference, self.path)
    }
}
