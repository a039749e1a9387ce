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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Reason;
    use crate::fleet::Catalog;
    use crate::routing_policy::compile::{BackendVerdict, Compiled};
    use serde_json::json;
    use tokio::sync::watch;

    fn key(name: &str) -> ObjectKey {
        ObjectKey { namespace: "apps".to_owned(), name: name.to_owned() }
    }

    /// A policy whose one backend is `llama`, with these pods.
    fn catalog(pods: &[&str]) -> Arc<Catalog> {
        let endpoints: Vec<_> = pods.iter().map(|ip| json!({"address": format!("{ip}:8080")})).collect();
        let policy = serde_json::from_value(json!({
            "name": "apps/split", "models": ["m"], "default": {"backends": []},
            "backends": [{"name": "fleet", "fleet": {"model": "llama", "endpoints": endpoints}}],
        }));
        let backend = BackendVerdict {
            name: "fleet".to_owned(),
            model_deployment: Some("llama".to_owned()),
            healthy: true,
            resolved: true,
            reason: Reason::Resolved,
            message: String::new(),
            never_spills: false,
        };
        let compiled =
            Compiled { policy: policy.unwrap(), backends: vec![backend], spill: None, clients_loading: None };
        let entry = Entry {
            key: key("split"),
            generation: None,
            selector: None,
            gateway: false,
            verdict: Verdict::Compiled(Box::new(compiled)),
        };
        Arc::new(Catalog::build(vec![entry], &Catalog::default()).0)
    }

    #[test]
    fn a_pod_is_left_when_every_router_follows_the_config_without_it() {
        let (both, one) = (catalog(&["10.0.0.1", "10.0.0.2"]), catalog(&["10.0.0.1"]));
        let (sender, receiver) = watch::channel(None);
        let registry = Arc::new(Registry::default());
        let routers = Routers::new(receiver, registry.clone());
        let goes = "10.0.0.2".parse().unwrap();
        let left = || routers.left(&key("llama"), goes);
        let sent = |session, catalog: &Catalog, revision: &str| {
            registry.update(session, |router| {
                router.sent = catalog.entries().cloned().collect();
                revision.clone_into(&mut router.sent_revision);
            });
        };
        let acknowledged = |session, revision: &str| {
            registry.update(session, |router| revision.clone_into(&mut router.acked_revision));
        };
        assert!(!left(), "no policy was compiled yet");
        let sessions = [registry.connect("apps/a".to_owned()), registry.connect("apps/b".to_owned())];
        sender.send_replace(Some(both.clone()));
        for session in sessions {
            sent(session, &both, "1");
            acknowledged(session, "1");
        }
        assert!(!left(), "the policy leads there");
        sender.send_replace(Some(one.clone()));
        assert!(!left(), "no router has heard of it");
        for session in sessions {
            sent(session, &one, "2");
        }
        acknowledged(sessions[0], "2");
        assert!(!left(), "one has not acknowledged it");
        acknowledged(sessions[1], "2");
        assert!(left());
        assert!(!routers.left(&key("llama"), "10.0.0.1".parse().unwrap()));
        assert!(routers.left(&key("other"), goes), "no policy names it");
    }
}
