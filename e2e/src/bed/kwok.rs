//! KWOK: nodes that are only objects. Their pods are scheduled and become Ready, and nothing runs.

use std::{process::Command, time::Duration};

use super::{paths::Paths, process::Daemon, tools, wait};
use crate::error::Result;

/// Nodes with this annotation are simulated.
pub const SIMULATED: (&str, &str) = ("kwok.x-k8s.io/node", "fake");
const NAME: &str = "kwok";

/// Starts KWOK, which keeps simulated nodes and their pods Ready.
///
/// # Errors
/// If it does not start.
pub fn start_kwok(paths: &Paths) -> Result<()> {
    stop_kwok(paths);
    let mut kwok = Command::new(tools::program(paths, "kwok")?);
    let (annotation, value) = SIMULATED;
    kwok.args([
        format!("--kubeconfig={}", paths.admin_kubeconfig().display()),
        format!("--manage-nodes-with-annotation-selector={annotation}={value}"),
        // One lease a node would be a thousand writes every ten seconds.
        "--node-lease-duration-seconds=0".to_owned(),
    ]);
    let daemon = Daemon::start(paths, NAME, &kwok)?;
    // It says nothing when it is ready; what it cannot do with its arguments ends it at once.
    let ended = wait::until(Duration::from_secs(1), || !daemon.is_alive());
    if ended { Err(daemon.ended()) } else { Ok(()) }
}

/// Ends KWOK.
pub fn stop_kwok(paths: &Paths) {
    Daemon::end(paths, Duration::from_secs(3), |name| name == NAME);
}
