//! GPUs without GPUs: the nodes claim `nvidia.com/gpu` as a device plugin would.

use super::{kubectl::kubectl, node::Node, paths::Paths};
use crate::{command, error::Result};

/// Makes `node` offer `count` of `nvidia.com/gpu`. kubelet keeps what is patched until the node goes.
///
/// # Errors
/// If the API server refuses.
pub fn advertise(paths: &Paths, node: &str, count: u32) -> Result<()> {
    offer(paths, node, &[("nvidia.com/gpu".to_owned(), count)])
}

/// Makes a node offer its cards or the partitions of them.
///
/// # Errors
/// If the API server refuses.
pub(super) fn advertise_all(paths: &Paths, node: &Node) -> Result<()> {
    offer(paths, node.name, &node.resources())
}

fn offer(paths: &Paths, node: &str, resources: &[(String, u32)]) -> Result<()> {
    let resources: Vec<_> = resources.iter().map(|(name, count)| format!(r#""{name}":"{count}""#)).collect();
    let resources = format!("{{{}}}", resources.join(","));
    let patch = format!(r#"{{"status":{{"capacity":{resources},"allocatable":{resources}}}}}"#);
    let mut kubectl = kubectl(paths)?;
    kubectl.args(["patch", "node", node, "--subresource=status", "--type=merge", "--patch", &patch]);
    command::output(&mut kubectl).map(drop)
}
