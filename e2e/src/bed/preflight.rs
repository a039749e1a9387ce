//! Does the machine have what the bed needs? Answered before anything is changed.

use std::{fs, process::Command};

use super::{kubelet, network, paths::Paths};
use crate::{
    command,
    error::{Error, Result},
};

/// Checks user, platform and programs.
///
/// # Errors
/// [`Error::Machine`] with what to do.
pub(super) fn check(paths: &Paths) -> Result<()> {
    root()?;
    programs()?;
    if kubelet::is_foreign_root() {
        return machine(
            "this machine is a Kubernetes node already (/var/lib/kubelet is in use), and the bed would disturb it; \
             use its cluster instead (`make demo KUBECONFIG=…`)",
        );
    }
    owner(paths)?;
    network::check_free()
}

fn root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    machine("run this as root (for example with `sudo -E`): the bed makes network namespaces and mounts")
}

fn programs() -> Result<()> {
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !command::succeeds(Command::new("apt-get").arg("--version")) {
        let name = os.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("this system");
        return machine(&format!(
            "the bed takes its parts from Debian packages, but {name} has no apt-get; use a Debian 12 machine, or \
             a cluster of your own (`make demo KUBECONFIG=…`)"
        ));
    }
    if !command::succeeds(Command::new("go").arg("version")) {
        return machine("install Go 1.26 or newer and put `go` on PATH: the bed compiles Kubernetes with it");
    }
    if !command::succeeds(Command::new("python3").arg("--version")) {
        return machine(
            "install python3 (`apt-get install python3 python3-pip`): images are made of Python wheels",
        );
    }
    Ok(())
}

/// There is one bridge: a second bed must not take the first one's.
fn owner(paths: &Paths) -> Result<()> {
    match network::owner() {
        Some(owner) if !owner.is_empty() && owner != paths.state.display().to_string() => machine(&format!(
            "a bed is already up in {owner}; take it down with `FLOTILLA_BED_DIR={owner} make bed-down`, or use it"
        )),
        _ => Ok(()),
    }
}

fn machine(sentence: &str) -> Result<()> {
    Err(Error::Machine(sentence.to_owned()))
}
