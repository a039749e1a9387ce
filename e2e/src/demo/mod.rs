//! The demo: the main job, for real, from `helm install` to a bill.

mod cluster;
mod observe;
mod picture;
mod report;
mod steps;
mod traffic;

pub use cluster::Cluster;
pub use observe::{Observation, PodPlacement, Summary};

/// Where everything of the demo lives.
pub const NAMESPACE: &str = "flotilla-demo";

use crate::error::Result;

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome {
    /// For people.
    pub report: String,
    /// The same as a picture (SVG), without the lines that name this machine.
    pub picture: String,
    /// For machines.
    pub summary: Summary,
}

/// Runs the demo on a cluster whose nodes can pull the images.
///
/// # Errors
/// If a step fails; the message says which and why.
pub fn run(cluster: &Cluster) -> Result<Outcome> {
    steps::install(cluster)?;
    steps::apply(cluster)?;
    let requests = traffic::send(cluster)?;
    let observation = observe::observe(cluster, requests)?;
    let figures = report::figures(&observation);
    Ok(Outcome {
        picture: picture::svg(&figures),
        report: format!("{figures}\n{}", report::further(cluster)),
        summary: observation.summary,
    })
}
