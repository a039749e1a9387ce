//! Debian packages that the bed and the image builder need on the host.

use std::process::Command;

use crate::{command, error::Result, progress::Step};

/// What the bed needs: the container runtime, the CNI plugins, and what kubelet and kube-proxy call.
pub(super) const BED: &[&str] = &[
    "runc",
    "containernetworking-plugins",
    "iptables",
    "nftables",
    "iproute2",
    "conntrack",
    "ethtool",
    "socat",
    "skopeo",
];

/// Installs those of `packages` that are missing.
///
/// # Errors
/// If `apt-get` fails.
pub fn install(packages: &[&'static str]) -> Result<()> {
    let missing: Vec<_> = packages.iter().filter(|package| !is_installed(package)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let step = Step::start(format!("install {}", missing.join(" ")));
    // A machine whose package lists are fresh needs no update, and one without network says so at the install.
    if command::output(&mut install_command(&missing)).is_err() {
        command::output(apt_get().arg("update"))?;
        command::output(&mut install_command(&missing))?;
    }
    step.done();
    Ok(())
}

fn is_installed(package: &str) -> bool {
    command::output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn install_command(packages: &[&str]) -> Command {
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    install
}

fn apt_get() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    apt
}
