//! The operator: how objects become pods and router config.
//!
//! Pure decisions live in [`decide`], in the `build` and `compile` modules and in [`conditions`]; everything
//! that talks to the API server is a thin step around them.

pub mod conditions;
pub mod decide;
pub mod fleet;
pub mod internal_hosts;
pub mod kube_ext;
pub mod lease;
pub mod ledger;
pub mod metrics;
pub mod model_deployment;
pub mod model_file;
pub mod options;
mod process;
pub mod push;
pub mod routing_policy;
pub mod run;
pub mod scaling;
mod scrape;
pub mod tls;
pub mod webhook;
