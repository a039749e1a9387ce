//! A policy from a file, as a router would have it if everything it names were there.

use crate::error::CliError;
use crate::input::policies;
use flotilla_crds::RoutingPolicy;
use flotilla_crds::router_config::{Endpoint, RouterConfig, Secret};
use flotilla_operator::fleet::{FleetBackend, Keys, SecretState};
use flotilla_operator::internal_hosts::InternalHosts;
use flotilla_operator::routing_policy::compile::{Lookup, compile};
use flotilla_router::account::Metrics;
use flotilla_router::snapshot::{Snapshot, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The `authorization` of the client that asks.
pub(super) const CLIENT_KEY: &str = "Bearer explain";

/// What every Secret holds. It is sent nowhere.
const KEY: &str = "explain";

/// The router's config of the policies in a file. Models, Secrets and clients are taken for what the policies name.
pub(super) fn config(file: &str, text: &str, client: &str) -> Result<RouterConfig, CliError> {
    let policies = policies(file, text)?;
    Ok(RouterConfig::new(policies.iter().map(|policy| compiled(policy, client)).collect()))
}

fn compiled(policy: &RoutingPolicy, client: &str) -> flotilla_crds::router_config::Policy {
    let names = policy.spec.backends.iter().filter_map(|backend| backend.external.as_ref());
    let keys = names.filter_map(|external| Some(external.credentials_ref.as_ref()?.key.clone()));
    let secrets = keys.map(|key| (key, Secret::new(KEY.to_owned()))).collect();
    let clients = BTreeMap::from([(client.to_owned(), Secret::new(KEY.to_owned()))]);
    let internal_hosts = InternalHosts::default();
    compile(policy, &All { secrets: Arc::new(secrets), clients: Arc::new(clients), internal_hosts }).policy
}

/// Where everything is there.
struct All {
    secrets: Arc<BTreeMap<String, Secret>>,
    clients: Keys,
    internal_hosts: InternalHosts,
}

impl Lookup for All {
    fn fleet(&self, name: &str) -> Option<FleetBackend> {
        let endpoints = vec![Endpoint { address: "192.0.2.1:8080".to_owned() }];
        let (context_window, adapters, hold) = (None, Vec::new(), None);
        let (scaled, spilling) = (false, Vec::new());
        Some(FleetBackend {
            model: name.to_owned(),
            endpoints,
            context_window,
            adapters,
            hold,
            scaled,
            spilling,
        })
    }

    fn secret(&self, _: &str) -> SecretState {
        SecretState::Present(Arc::clone(&self.secrets))
    }

    fn client_keys(&self, _: &str) -> Keys {
        Arc::clone(&self.clients)
    }

    fn internal_hosts(&self) -> &InternalHosts {
        &self.internal_hosts
    }
}

/// What a router makes of a config, or what is wrong with it.
pub(super) fn snapshot(config: &RouterConfig) -> Result<Arc<Snapshot>, String> {
    let metrics = Metrics::new().map_err(|error| error.to_string())?;
    let store = Store::new(Arc::new(metrics));
    store.apply(config).map_err(|error| error.to_string())?;
    store.current().ok_or_else(|| "it is empty".to_owned())
}
