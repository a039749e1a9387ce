//! Is the bed up?

use super::{cgroup, kubectl::kubectl, network, node::NODES, paths::Paths, process::Daemon};
use crate::{command, error::Result};

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Everything runs and every node is Ready.
    Up,
    /// There is nothing.
    Down,
    /// Something is there, but not a working bed.
    Broken(String),
}

/// Looks at the daemons and asks the API server for the nodes.
///
/// # Errors
/// If the tools' sources cannot be read.
pub fn health(paths: &Paths) -> Result<Health> {
    if !finished(paths).exists() {
        let left = paths.state.exists() || cgroup::exists() || network::exists();
        return Ok(if left { Health::Broken("it was not finished".into()) } else { Health::Down });
    }
    if let Some(dead) = Daemon::recorded(paths).iter().find(|daemon| !daemon.is_alive()) {
        return Ok(Health::Broken(format!("{} ended", dead.name())));
    }
    let ready = r#"jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    Ok(match command::output(kubectl(paths)?.args(["get", "nodes", "-o", ready])) {
        Ok(states) if NODES.iter().all(|node| is_ready(&states, node.name)) => Health::Up,
        Ok(_) => Health::Broken("a node is not Ready".into()),
        Err(_) => Health::Broken("the API server does not answer".into()),
    })
}

/// A test may be at work with nodes of its own, so only those of the start count.
fn is_ready(states: &str, node: &str) -> bool {
    states.lines().any(|line| line.strip_prefix(node) == Some("=True"))
}

/// Written last by `up`.
pub(super) fn finished(paths: &Paths) -> std::path::PathBuf {
    paths.state.join("finished")
}
