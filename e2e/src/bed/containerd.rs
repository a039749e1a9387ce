//! containerd of one node.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    network,
    node::{Node, all},
    paths::Paths,
    process::Daemon,
    registry, tools, wait,
};
use crate::{
    command,
    error::{FileContext, Result},
};

/// The image that holds a pod's namespaces, in the bed's registry.
pub(super) const PAUSE_IMAGE: &str = "10.89.0.1:5000/flotilla/pause:bed";
/// Name of the CNI network; its files in `/var/lib/cni` begin with it.
pub(super) const CNI_NETWORK: &str = "flotilla-bed";

/// The runtime's socket.
pub(super) fn socket(paths: &Paths, node: &Node) -> PathBuf {
    paths.node(node.name).join("containerd.sock")
}

/// Starts containerd; it is ready when [`wait_ready`] says so.
///
/// # Errors
/// If its files cannot be written or it cannot be started.
pub(super) fn start(paths: &Paths, node: &Node) -> Result<Daemon> {
    let folder = paths.node(node.name);
    for part in ["cni", "cdi", "registry"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).context("create", &part)?;
    }
    let config = folder.join("containerd.toml");
    write(&config, &settings(paths, node))?;
    write(&folder.join("cni/10-bed.conflist"), &cni(&folder, node))?;
    let hosts = folder.join("registry").join(registry::ADDRESS);
    fs::create_dir_all(&hosts).context("create", &hosts)?;
    let address = registry::ADDRESS;
    let mirror = format!(
        "server = \"http://{address}\"\n[host.\"http://{address}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    write(&hosts.join("hosts.toml"), &mirror)?;

    let program = tools::program(paths, "containerd")?;
    let mut containerd = network::inside_of(node, &program);
    containerd.arg("--config").arg(&config);
    // containerd finds its shim and runc by PATH.
    let shims = program.parent().unwrap_or(Path::new("/")).display().to_string();
    containerd.env("PATH", format!("{shims}:{}", env::var("PATH").unwrap_or_default()));
    Daemon::start(paths, &format!("{}-containerd", node.name), &containerd)
}

/// Waits until containerd answers.
///
/// # Errors
/// If it ends or does not answer.
pub(super) fn wait_ready(paths: &Paths, node: &Node, daemon: &Daemon) -> Result<()> {
    let mut probe = Command::new(tools::program(paths, "ctr")?);
    probe.arg("--address").arg(socket(paths, node)).args(["--connect-timeout=1s", "version"]);
    let socket = socket(paths, node);
    wait::until_ready(daemon, Duration::from_secs(20), || socket.exists() && command::succeeds(&mut probe))
}

/// Makes every node pull the image again when it is next used. Running containers keep theirs.
///
/// # Errors
/// If the tools' sources cannot be read.
pub fn forget_image(paths: &Paths, reference: &str) -> Result<()> {
    for node in all().filter(|node| socket(paths, node).exists()) {
        let mut remove = Command::new(tools::program(paths, "ctr")?);
        remove.arg("--address").arg(socket(paths, node)).args([
            "--namespace=k8s.io",
            "images",
            "remove",
            reference,
        ]);
        // It is no failure that a node never had it, or that there is no bed.
        command::succeeds(&mut remove);
    }
    Ok(())
}

fn settings(paths: &Paths, node: &Node) -> String {
    let folder = paths.node(node.name);
    let (folder, socket) = (folder.display(), socket(paths, node));
    format!(
        "version = 3\n\
         root = '{folder}/containerd'\n\
         state = '{folder}/containerd-state'\n\
         # They would write to folders outside the bed.\n\
         disabled_plugins = ['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri']\n\
         [grpc]\n  address = '{}'\n\
         [debug]\n  level = 'warn'\n\
         [plugins.'io.containerd.shim.v1.manager']\n  socket_dir = '{}'\n\
         [plugins.'io.containerd.cri.v1.images']\n  snapshotter = 'overlayfs'\n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = '{PAUSE_IMAGE}'\n\
         [plugins.'io.containerd.cri.v1.images'.registry]\n  config_path = '{folder}/registry'\n\
         [plugins.'io.containerd.cri.v1.runtime']\n  \
           restrict_oom_score_adj = true\n  \
           disable_hugetlb_controller = true\n  \
           tolerate_missing_hugetlb_controller = true\n  \
           netns_mounts_under_state_dir = true\n  \
           cdi_spec_dirs = ['{folder}/cdi']\n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\n  \
           bin_dirs = ['/usr/lib/cni']\n  \
           conf_dir = '{folder}/cni'\n  \
           use_internal_loopback = true\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n  \
           runtime_type = 'io.containerd.runc.v2'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n  \
           Root = '{folder}/runc'\n  \
           SystemdCgroup = false\n\
         [plugins.'io.containerd.grpc.v1.cri']\n  \
           stream_server_address = '127.0.0.1'\n",
        socket.display(),
        paths.shim_sockets().display(),
    )
}

fn cni(folder: &Path, node: &Node) -> String {
    let range = network::pod_range(node.index);
    serde_json::json!({
        "cniVersion": "1.0.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                // A pod may reach itself through its Service.
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": folder.join("cni-addresses"),
                    "ranges": [[{"subnet": range}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
    .to_string()
}

/// What is outside the bed's folder after a crash: the CNI library's notes about our network.
pub(super) fn remove_notes() {
    let notes = Path::new("/var/lib/cni/results");
    for entry in fs::read_dir(notes).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("{CNI_NETWORK}-")) {
            let _ = fs::remove_file(entry.path());
        }
    }
    // Only empty folders go.
    let _ = fs::remove_dir(notes);
    let _ = fs::remove_dir("/var/lib/cni");
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).context("write", path)
}
