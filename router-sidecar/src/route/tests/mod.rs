//! The decision as tables, and as properties over any policy.

mod binomial;
mod boundary;
mod faults;
mod properties;
mod spill;
mod table;

use crate::account::Metrics;
use crate::snapshot::{Policy, Store};
use flotilla_crds::router_config::{self as config, RouterConfig};
use std::sync::Arc;

/// Compiles one policy, as the router does.
fn compiled(policy: config::Policy) -> Arc<Policy> {
    let store = Store::new(Arc::new(Metrics::new().unwrap()));
    store.apply(&RouterConfig::new(vec![policy])).unwrap();
    Arc::clone(&store.current().unwrap().policies[0])
}
