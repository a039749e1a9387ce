//! The demo: the main job, for real, from `helm install` to a bill.

mod cluster;
mod observe;
mod report;
mod steps;
mod traffic;

pub use cluster::Cluster;
pub use observe::{Observation, PodPlacement, Summary};

/// Where everything of the demo lives.
pub const NAMESPACE: &str = "flotilla-demo";

use crate::error::Result;

/// Runs the demo on a cluster whose nodes can pull the images, and prints what happened.
///
/// # Errors
/// If a step fails; the message says which and why.
pub fn run(cluster: &Cluster) -> Result<Summary> {
    steps::install(cluster)?;
    steps::apply(cluster)?;
    let requests = traffic::send(cluster)?;
    let observation = observe::observe(cluster, requests)?;
    print!("{}", report::report(&observation, cluster));
    Ok(observation.summary)
}
