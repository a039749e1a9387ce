//! Nodes that come and go while the bed is up.

use std::{fs, time::Duration};

use super::{
    cgroup, containerd, down, gpu, kubectl::kubectl, kubelet, network, node::Node, paths::Paths,
    process::Daemon, up,
};
use crate::{
    command,
    error::{FileContext, Result},
};

/// Brings up one of [`SPARES`](super::SPARES) and waits until it is Ready.
///
/// # Errors
/// If a part of it does not start.
pub fn join(paths: &Paths, node: &Node) -> Result<()> {
    network::attach(node)?;
    let runtime = containerd::start(paths, node)?;
    containerd::wait_ready(paths, node, &runtime)?;
    kubelet::prepare(paths, node)?;
    kubelet::start(paths, node)?;
    kubelet::start_proxy(paths, node)?;
    up::wait_for_nodes(paths, std::slice::from_ref(node))?;
    gpu::advertise_all(paths, node)
}

/// Ends everything on a node at once, as when its power fails. The API server still has the node.
pub fn kill_node(paths: &Paths, node: &Node) {
    Daemon::end(paths, Duration::ZERO, |name| is_of(node, name));
    cgroup::kill_node(node.name);
}

/// Takes a node that has joined away again, alive or dead, with its object. Does nothing where there is none.
///
/// # Errors
/// If the API server refuses, or a file cannot be removed.
pub fn leave(paths: &Paths, node: &Node) -> Result<()> {
    kill_node(paths, node);
    let mut delete = kubectl(paths)?;
    delete.args(["delete", "node", node.name, "--ignore-not-found", "--wait=false"]);
    command::output(&mut delete)?;
    let folder = paths.node(node.name);
    down::unmount(&folder);
    network::detach(node);
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove", &folder)?;
    }
    Ok(())
}

fn is_of(node: &Node, daemon: &str) -> bool {
    daemon.strip_prefix(node.name).is_some_and(|part| part.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bed::SPARES;

    #[test]
    fn daemons_of_other_nodes_are_left_alone() {
        assert!(is_of(&SPARES[0], "gpu-a6000-kubelet"));
        assert!(!is_of(&SPARES[0], "gpu-a100-kubelet") && !is_of(&SPARES[0], "gpu-a6000b-kubelet"));
    }
}
