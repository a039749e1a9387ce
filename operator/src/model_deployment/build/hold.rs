//! The container that keeps a node's cache from deleting what its pod reads. It runs to the pod's end, so that an
//! engine that starts again in its pod finds what it had.

use super::model;
use crate::model_deployment::asset::Asset;
use crate::model_deployment::fetch::{Fetch, Kept};
use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Its name.
const HOLD_CONTAINER: &str = "hold";
/// It sleeps nearly all of its time.
const REQUESTS: [(&str, &str); 2] = [("cpu", "1m"), ("memory", "16Mi")];

/// Holds what is fetched into the cache of the node; none where nothing is.
pub(super) fn holder<'a>(assets: impl Iterator<Item = &'a Asset<'a>>) -> Option<Container> {
    let cached = |asset: &'a Asset<'a>| {
        let fetch = asset.fetch.as_ref()?;
        matches!(fetch.cache, Kept::Node(_)).then_some((asset, fetch))
    };
    let held: Vec<(&Asset<'_>, &Fetch<'_>)> = assets.filter_map(cached).collect();
    let (first, fetch) = held.first()?;
    let folders = held.iter().flat_map(|(_, fetch)| ["--folder".to_owned(), fetch.folder.clone()]);
    let requests = REQUESTS.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
    Some(Container {
        name: HOLD_CONTAINER.to_owned(),
        image: Some(fetch.image.to_owned()),
        args: Some(std::iter::once("hold".to_owned()).chain(folders).collect()),
        // A sidecar in the form of Kubernetes: it starts in its turn and ends after the engine.
        restart_policy: Some("Always".to_owned()),
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from(requests)),
            ..ResourceRequirements::default()
        }),
        // All are kept in one folder of the node.
        volume_mounts: Some(vec![model::cache_mount(first)]),
        security_context: Some(model::rights(&fetch.cache)),
        ..Container::default()
    })
}
