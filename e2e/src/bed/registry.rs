//! The OCI registry: nodes pull from it by its address on the bridge, as they would from a company's.

use std::{fs, process::Command, time::Duration};

use super::{paths::Paths, ports, process::Daemon, tools, wait};
use crate::error::{FileContext, Result};

/// What images are named after.
pub const ADDRESS: &str = "10.89.0.1:5000";

/// Starts the registry and waits until it answers. Blobs lie in the cache, so the next bed has them already.
///
/// # Errors
/// If it ends or does not answer.
pub(super) fn start(paths: &Paths) -> Result<()> {
    let blobs = paths.cache.join("registry");
    fs::create_dir_all(&blobs).context("create", &blobs)?;
    let address = ports::on_bridge(ports::REGISTRY);
    let mut crane = Command::new(tools::program(paths, "crane")?);
    crane.args(["registry", "serve", "--address", &address.to_string()]).arg("--disk").arg(&blobs);
    let daemon = Daemon::start(paths, "registry", &crane)?;
    wait::until_ready(&daemon, Duration::from_secs(10), || ports::accepts(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_bridge_s() {
        assert_eq!(ADDRESS, ports::on_bridge(ports::REGISTRY).to_string());
    }
}
