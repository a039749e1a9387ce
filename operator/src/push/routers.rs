//! What the connected routers do now.

use super::Registry;
use crate::fleet::{CatalogReceiver, Entry, Verdict};
use crate::routing_policy::ObjectKey;
use flotilla_crds::router_config::BackendTarget;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The policies that are in force, and who follows them.
#[derive(Clone)]
pub struct Routers {
    catalog: CatalogReceiver,
    registry: Arc<Registry>,
}

impl Routers {
    /// Those that have policies of this catalog.
    pub const fn new(catalog: CatalogReceiver, registry: Arc<Registry>) -> Self {
        Self { catalog, registry }
    }

    /// Whether no policy of a model leads to this pod any more, and all routers follow that.
    pub fn left(&self, model: &ObjectKey, ip: IpAddr) -> bool {
        let Some(catalog) = self.catalog.borrow().clone() else {
            return false;
        };
        let mut entries = catalog.entries().filter(|entry| entry.key.namespace == model.namespace);
        entries.all(|entry| !leads_to(entry, ip) && (!names(entry, model) || self.registry.all_follow(entry)))
    }
}

fn names(entry: &Entry, model: &ObjectKey) -> bool {
    let Verdict::Compiled(compiled) = &entry.verdict else { return false };
    compiled.backends.iter().any(|backend| backend.model_deployment.as_deref() == Some(&model.name))
}

fn leads_to(entry: &Entry, ip: IpAddr) -> bool {
    let Verdict::Compiled(compiled) = &entry.verdict else { return false };
    let mut fleets = compiled.policy.backends.iter().filter_map(|backend| match &backend.target {
        BackendTarget::Fleet(fleet) => Some(fleet),
        BackendTarget::External(_) => None,
    });
    let at = |address: &str| address.parse::<SocketAddr>().is_ok_and(|address| address.ip() == ip);
    fleets.any(|fleet| fleet.endpoints.iter().any(|endpoint| at(&endpoint.address)))
}
