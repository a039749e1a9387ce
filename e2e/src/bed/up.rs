//! Bringing the bed up.

use std::{fs, process::Command, time::Duration};

use super::{
    apt, cgroup, containerd, control_plane, dns, down, etcd, gpu,
    kubectl::kubectl,
    kubelet, lock, network,
    node::{self, NODES, Node},
    paths::Paths,
    pki::Pki,
    ports, preflight,
    process::Daemon,
    registry,
    status::{self, Health},
    tools,
};
use crate::{
    command,
    error::{Error, FileContext, Result},
    images,
    progress::Step,
};

/// What `up` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A healthy bed was there and was left alone.
    Reused,
    /// A bed was made.
    Made,
}

/// Brings the bed up, or leaves a healthy one alone. What a crashed bed left is removed first.
///
/// # Errors
/// If the machine lacks something, or a part does not start; its log is named.
pub fn up(paths: &Paths) -> Result<Outcome> {
    preflight::check(paths)?;
    let _lock = lock::acquire()?;
    apt::install(apt::BED)?;
    tools::build_all(paths)?;
    match status::health(paths)? {
        Health::Up => return Ok(Outcome::Reused),
        Health::Down => {}
        Health::Broken(why) => {
            eprintln!("  the bed that is there does not work: {why}");
            down::clean(paths)?;
        }
    }
    for folder in [paths.logs(), paths.daemons(), paths.shim_sockets()] {
        fs::create_dir_all(&folder).context("create", &folder)?;
    }
    let step = Step::start("make cgroups, bridge and namespaces");
    cgroup::create(node::all().map(|node| node.name))?;
    network::create(paths)?;
    NODES.iter().try_for_each(network::attach)?;
    ports::check_free()?;
    step.done();
    start(paths)?;
    fs::write(status::finished(paths), "").context("write", status::finished(paths))?;
    Ok(Outcome::Made)
}

fn start(paths: &Paths) -> Result<()> {
    let step = Step::start("start etcd, the registry and the container runtimes");
    let pki = Pki::create(paths)?;
    etcd::start(paths)?;
    registry::start(paths)?;
    node::all().try_for_each(|node| kubelet::enroll(paths, &pki, node))?;
    let runtimes = NODES.iter().map(|node| containerd::start(paths, node)).collect::<Result<Vec<_>>>()?;
    images::push_pause(paths, &tools::program(paths, "pause")?, containerd::PAUSE_IMAGE)?;
    step.done();

    let step = Step::start("start the control plane");
    control_plane::start(paths, &pki)?;
    dns::start(paths, &pki)?;
    step.done();

    let step = Step::start(format!("start {} nodes", NODES.len()));
    for (node, runtime) in NODES.iter().zip(&runtimes) {
        containerd::wait_ready(paths, node, runtime)?;
        kubelet::prepare(paths, node)?;
        kubelet::start(paths, node)?;
        kubelet::start_proxy(paths, node)?;
    }
    wait_for_nodes(paths, NODES)?;
    NODES.iter().try_for_each(|node| gpu::advertise_all(paths, node))?;
    step.done();
    Ok(())
}

/// Waits until these nodes are Ready.
///
/// # Errors
/// If one is not in time, or a daemon has ended.
pub(super) fn wait_for_nodes(paths: &Paths, nodes: &[Node]) -> Result<()> {
    const LIMIT: Duration = Duration::from_mins(1);
    let daemons = Daemon::recorded(paths);
    let mut get: Command = kubectl(paths)?;
    get.args(["wait", "--for=condition=Ready", "--timeout=5s", "node"])
        .args(nodes.iter().map(|node| node.name));
    let mut dead = None;
    let ready = super::wait::until(LIMIT, || {
        dead = daemons.iter().find(|daemon| !daemon.is_alive());
        dead.is_some() || command::succeeds(&mut get)
    });
    match dead {
        Some(daemon) => Err(daemon.ended()),
        None if ready => Ok(()),
        None => {
            Err(Error::NotReady { what: "a node".into(), seconds: LIMIT.as_secs(), log: Some(paths.logs()) })
        }
    }
}
