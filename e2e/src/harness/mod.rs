//! What the end-to-end tests and the demo share: a client for the cluster, Flotilla installed on it, a namespace
//! for each test, waiting with a reason, and a dump of everything when a test fails.

mod app;
mod case;
mod cluster;
mod conditions;
mod dump;
mod error;
mod install;
mod leader;
mod namespace;
mod provider;
mod proxy;
mod wait;
mod yaml;

pub use app::{App, Ask, JSON_SERVER, Reply, Round, Timed};
pub use case::{CASES_AT_ONCE, case, long_case};
pub use cluster::Cluster;
pub use conditions::{Conditions, condition};
pub use error::{HarnessError, Result};
pub use install::{
    ENGINE_IMAGE, NAMESPACE as INSTALL_NAMESPACE, OPERATOR, Release, image, install, install_definitions,
};
pub use leader::leader;
pub use namespace::{TestNamespace, others_are_gone};
pub use provider::{PROVIDER, start_provider};
pub use proxy::{Target, call, post_json};
pub use wait::{POLL, wait_for, wait_until};
pub use yaml::{apply, documents, try_create};
