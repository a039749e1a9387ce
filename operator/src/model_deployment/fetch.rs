//! What has to be fetched before an engine starts, and where it is kept: pure.

use super::asset::Origin;
use super::validate::Invalid;
use crate::options::Defaults;
use flotilla_crds::ModelDeployment;
use flotilla_model_source::{Source, folder};

/// The container that fetches the model before the engine starts; those of adapters are named after it.
pub const FETCH_CONTAINER: &str = "fetch";

/// The container that fetches an adapter, or the model.
pub fn container_name(adapter: Option<&str>) -> String {
    adapter.map_or_else(|| FETCH_CONTAINER.to_owned(), |name| format!("{FETCH_CONTAINER}-{name}"))
}

/// The adapter that a container fetches, if it does.
pub fn fetched_by(container: &str) -> Option<Option<&str>> {
    match container.strip_prefix(FETCH_CONTAINER)? {
        "" => Some(None),
        rest => rest.strip_prefix('-').map(Some),
    }
}

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// The fetcher's image.
    pub image: &'a str,
    /// Its folder in the cache.
    pub folder: String,
    /// Where the cache is.
    pub cache: Kept<'a>,
    /// Certificate authorities that sources may have beside the public ones, in PEM.
    pub ca_pem: Option<&'a str>,
}

/// Where downloads are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept<'a> {
    /// In a volume of the namespace.
    Claim(&'a str),
    /// In a folder of the node, which is the namespace's own: what one namespace may download, another may not.
    Node(String),
    /// In the pod; gone with it.
    Pod,
}

impl<'a> Kept<'a> {
    /// Where an object's downloads are kept.
    pub fn of(object: &'a ModelDeployment, defaults: &Defaults) -> Self {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        match (&object.spec.model.cache, &defaults.cache_folder) {
            (Some(cache), _) => Self::Claim(&cache.persistent_volume_claim.claim_name),
            (None, Some(folder)) => Self::Node(format!("{}/{namespace}", folder.trim_end_matches('/'))),
            (None, None) => Self::Pod,
        }
    }
}

impl<'a> Fetch<'a> {
    /// What to fetch from a source; none where it is mounted.
    ///
    /// # Errors
    /// If the operator has no fetcher, or does not allow the source.
    pub fn of(
        origin: &Origin<'_>,
        source: &Source,
        kept: &Kept<'a>,
        defaults: &'a Defaults,
    ) -> Result<Option<Self>, Invalid> {
        if let Source::File(file) = source
            && !defaults.node_folders.iter().any(|folder| file.lies_below(folder))
        {
            let (path, allowed) = (file.path.clone(), defaults.node_folders.join(", "));
            return Err(Invalid::NodeFolder { path, allowed });
        }
        let Some(folder) = folder(source, origin.endpoint, origin.sha256) else { return Ok(None) };
        let image = defaults.fetcher_image.as_deref().ok_or(Invalid::Missing(
            "the operator was started without --fetcher-image, so that only oci://, pvc:// and file:// sources can be used",
        ))?;
        Ok(Some(Self { image, folder, cache: kept.clone(), ca_pem: defaults.ca_pem.as_deref() }))
    }
}
