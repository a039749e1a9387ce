//! What a replica loads: the model's file and those of its adapters. Pure.

use super::fetch::{Fetch, Kept};
use super::validate::Invalid;
use crate::options::Defaults;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{Adapter, ModelSpec, SourceCredentials};
use flotilla_model_source::Source;

/// A file, or a folder of files, and where a replica finds it.
#[derive(Debug, Clone)]
pub struct Asset<'a> {
    /// The adapter's name; none for the model.
    pub adapter: Option<&'a str>,
    /// As the spec has it.
    pub origin: Origin<'a>,
    /// The same, read.
    pub source: Source,
    /// What brings it, where it is not mounted as it lies.
    pub fetch: Option<Fetch<'a>>,
}

/// Where something comes from, as a spec says it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The source.
    pub source: &'a str,
    /// The hub or the S3 API.
    pub endpoint: Option<&'a str>,
    /// The region that S3 requests are signed for.
    pub region: Option<&'a str>,
    /// What the source asks for.
    pub credentials: Option<&'a SourceCredentials>,
    /// The checksum of the one file.
    pub sha256: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// Where the model comes from; none for engines that bring their own.
    fn of_model(model: &'a ModelSpec) -> Option<Self> {
        Some(Self {
            source: model.source.as_deref()?,
            endpoint: model.endpoint.as_deref(),
            region: model.region.as_deref(),
            credentials: model.credentials_ref.as_ref(),
            sha256: model.sha256.as_deref(),
        })
    }
}

impl<'a> From<&'a Adapter> for Origin<'a> {
    fn from(adapter: &'a Adapter) -> Self {
        Self {
            source: &adapter.source,
            endpoint: adapter.endpoint.as_deref(),
            region: adapter.region.as_deref(),
            credentials: adapter.credentials_ref.as_ref(),
            sha256: adapter.sha256.as_deref(),
        }
    }
}

/// The model, then its adapters in the order of the spec.
///
/// # Errors
/// A source that cannot be read, or that the operator does not allow or cannot fetch.
pub fn assets<'a>(
    object: &'a ModelDeployment,
    defaults: &'a Defaults,
) -> Result<(Option<Asset<'a>>, Vec<Asset<'a>>), Invalid> {
    let model = &object.spec.model;
    let kept = Kept::of(object, defaults);
    let asset = |adapter: Option<&'a str>, origin: Origin<'a>| {
        let source = Source::parse(origin.source)?;
        let fetch = Fetch::of(&origin, &source, &kept, defaults)?;
        Ok(Asset { adapter, origin, source, fetch })
    };
    let adapters = model.adapters.iter().map(|adapter| asset(Some(&adapter.name), adapter.into()));
    let adapters = adapters.collect::<Result<_, Invalid>>()?;
    let model = Origin::of_model(model).map(|origin| asset(None, origin)).transpose()?;
    Ok((model, adapters))
}
