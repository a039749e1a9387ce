//! etcd: one member on loopback.

use std::{process::Command, time::Duration};

use super::{paths::Paths, ports, process::Daemon, tools, wait};
use crate::error::Result;

/// Starts etcd and waits until it answers.
///
/// # Errors
/// If it ends or does not answer.
pub(super) fn start(paths: &Paths) -> Result<()> {
    let client = format!("http://{}", ports::on_loopback(ports::ETCD));
    let peer = format!("http://{}", ports::on_loopback(ports::ETCD_PEER));
    let mut etcd = Command::new(tools::program(paths, "etcd")?);
    etcd.arg(format!("--data-dir={}", paths.state.join("etcd").display()));
    etcd.args([
        "--name=bed",
        // A bed that loses power is rebuilt, not recovered.
        "--unsafe-no-fsync",
        &format!("--listen-client-urls={client}"),
        &format!("--advertise-client-urls={client}"),
        &format!("--listen-peer-urls={peer}"),
        &format!("--initial-advertise-peer-urls={peer}"),
        &format!("--initial-cluster=bed={peer}"),
        "--log-level=warn",
    ]);
    let daemon = Daemon::start(paths, "etcd", &etcd)?;
    wait::until_ready(&daemon, Duration::from_secs(15), || ports::accepts(ports::on_loopback(ports::ETCD)))
}
