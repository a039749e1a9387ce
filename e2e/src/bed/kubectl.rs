//! kubectl as the cluster's administrator.

use std::process::Command;

use super::{paths::Paths, tools};
use crate::error::Result;

/// A kubectl command with the bed's kubeconfig; add arguments and run it.
///
/// # Errors
/// If the tools' sources cannot be read.
pub fn kubectl(paths: &Paths) -> Result<Command> {
    let mut kubectl = Command::new(tools::program(paths, "kubectl")?);
    kubectl.arg("--kubeconfig").arg(paths.admin_kubeconfig()).arg("--request-timeout=10s");
    Ok(kubectl)
}
