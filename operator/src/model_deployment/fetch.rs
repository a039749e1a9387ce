//! What has to be fetched before an engine starts, and where it is kept: pure.

use super::validate::Invalid;
use crate::options::Defaults;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ModelSpec;
use flotilla_model_source::{Source, folder};

/// The container that fetches, before the engine starts.
pub const FETCH_CONTAINER: &str = "fetch";

/// A model to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// The fetcher's image.
    pub image: &'a str,
    /// The model's folder in the cache.
    pub folder: String,
    /// Where the cache is.
    pub cache: Cache<'a>,
    /// Certificate authorities that sources may have beside the public ones, in PEM.
    pub ca_pem: Option<&'a str>,
}

/// Where downloads are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache<'a> {
    /// In a volume of the namespace.
    Claim(&'a str),
    /// In a folder of the node, which is the namespace's own: what one namespace may download, another may not.
    Node(String),
    /// In the pod; gone with it.
    Pod,
}

impl<'a> Fetch<'a> {
    /// What to fetch for an object; none where its source is mounted.
    ///
    /// # Errors
    /// If the operator has no fetcher, or does not allow the source.
    pub fn of(
        object: &'a ModelDeployment,
        source: Option<&Source>,
        defaults: &'a Defaults,
    ) -> Result<Option<Self>, Invalid> {
        let ModelSpec { endpoint, sha256, cache, .. } = &object.spec.model;
        if let Some(Source::File(file)) = source
            && !defaults.node_folders.iter().any(|folder| file.lies_below(folder))
        {
            let (path, allowed) = (file.path.clone(), defaults.node_folders.join(", "));
            return Err(Invalid::NodeFolder { path, allowed });
        }
        let folder = source.and_then(|source| folder(source, endpoint.as_deref(), sha256.as_deref()));
        let Some(folder) = folder else { return Ok(None) };
        let image = defaults.fetcher_image.as_deref().ok_or(Invalid::Missing(
            "the operator was started without --fetcher-image, so that only oci://, pvc:// and file:// sources can be used",
        ))?;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let cache = match (cache, &defaults.cache_folder) {
            (Some(cache), _) => Cache::Claim(&cache.persistent_volume_claim.claim_name),
            (None, Some(folder)) => Cache::Node(format!("{}/{namespace}", folder.trim_end_matches('/'))),
            (None, None) => Cache::Pod,
        };
        Ok(Some(Self { image, folder, cache, ca_pem: defaults.ca_pem.as_deref() }))
    }
}
