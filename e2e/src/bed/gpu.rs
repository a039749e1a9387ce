//! GPUs without GPUs: the nodes claim `nvidia.com/gpu` as a device plugin would.

use super::{kubectl::kubectl, paths::Paths};
use crate::{command, error::Result};

/// Makes `node` offer `count` of `nvidia.com/gpu`. kubelet keeps what is patched until the node goes.
///
/// # Errors
/// If the API server refuses.
pub fn advertise(paths: &Paths, node: &str, count: u32) -> Result<()> {
    let resources = format!(r#"{{"nvidia.com/gpu":"{count}"}}"#);
    let patch = format!(r#"{{"status":{{"capacity":{resources},"allocatable":{resources}}}}}"#);
    let mut kubectl = kubectl(paths)?;
    kubectl.args(["patch", "node", node, "--subresource=status", "--type=merge", "--patch", &patch]);
    command::output(&mut kubectl).map(drop)
}
