//! kubelet and kube-proxy of one node.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    cgroup, containerd, kubeconfig, network,
    node::Node,
    paths::Paths,
    pki::{self, Pki},
    process::Daemon,
    tools,
};
use crate::error::{FileContext, Result};

/// kubelet keeps links to the logs here, whatever its root.
const CONTAINER_LOGS: &str = "/var/log/containers";
/// Where a machine's own kubelet lives, and the device plugins' socket of every kubelet.
const DEFAULT_ROOT: &str = "/var/lib/kubelet";
const KUBELET: &str = "kubelet";
const PROXY: &str = "kube-proxy";

/// Gives a node its credentials. Only `up` can: what signs them is forgotten when it ends.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn enroll(paths: &Paths, pki: &Pki, node: &Node) -> Result<()> {
    let user = format!("system:node:{}", node.name);
    let kubelet = (KUBELET, user.as_str(), Some("system:nodes"));
    for (component, user, group) in [kubelet, (PROXY, "system:kube-proxy", None)] {
        let name = format!("{}-{component}", node.name);
        let identity = pki.cluster.client(&paths.pki(), &name, user, group)?;
        kubeconfig::write(&kubeconfig_of(paths, node, component), &pki.cluster, &identity)?;
    }
    Ok(())
}

/// The credentials of a node's kubelet.
pub(super) fn credentials(paths: &Paths, node: &Node) -> PathBuf {
    kubeconfig_of(paths, node, KUBELET)
}

/// The kubelet's `--root-dir`.
pub(super) fn root(paths: &Paths, node: &Node) -> PathBuf {
    paths.node(node.name).join("kubelet")
}

/// Starts the node's kubelet.
///
/// # Errors
/// If its files cannot be written or it cannot be started.
pub(super) fn start(paths: &Paths, node: &Node) -> Result<Daemon> {
    let folder = paths.node(node.name);
    let config = folder.join("kubelet.yaml");
    fs::write(&config, settings(paths, node)).context("write", &config)?;
    let mut kubelet = network::inside_of(node, tools::program(paths, "kubelet")?);
    kubelet.args([
        format!("--config={}", config.display()),
        format!("--kubeconfig={}", credentials(paths, node).display()),
        format!("--root-dir={}", root(paths, node).display()),
        format!("--cert-dir={}", folder.join("kubelet-pki").display()),
        format!("--node-ip={}", node.address()),
        format!("--hostname-override={}", node.name),
        format!("--node-labels={}", node.labels()),
    ]);
    Daemon::start(paths, &format!("{}-kubelet", node.name), &kubelet)
}

fn settings(paths: &Paths, node: &Node) -> String {
    let folder = paths.node(node.name);
    let folder = folder.display();
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1\n\
         kind: KubeletConfiguration\n\
         address: {address}\n\
         authentication:\n  \
           anonymous: {{enabled: false}}\n  \
           webhook: {{enabled: true}}\n  \
           x509: {{clientCAFile: {ca}}}\n\
         authorization: {{mode: Webhook}}\n\
         containerRuntimeEndpoint: unix://{socket}\n\
         cgroupDriver: cgroupfs\n\
         cgroupRoot: {cgroup}\n\
         # The kernel may still run cgroup v1; the bed works on both.\n\
         failCgroupV1: false\n\
         failSwapOn: false\n\
         localStorageCapacityIsolation: false\n\
         enforceNodeAllocatable: [pods]\n\
         evictionHard: {{memory.available: 100Mi}}\n\
         clusterDNS: [{dns}]\n\
         clusterDomain: cluster.local\n\
         # The host's search domains are none of the pods' business.\n\
         resolvConf: {folder}/resolv.conf\n\
         podLogsDir: {folder}/pod-logs\n\
         volumePluginDir: {folder}/volume-plugins\n\
         maxPods: 200\n\
         registryPullQPS: 0\n\
         serializeImagePulls: false\n\
         # A bed is for quick turns.\n\
         nodeStatusUpdateFrequency: 5s\n\
         syncFrequency: 10s\n",
        address = node.address(),
        ca = pki::cluster_certificate(paths).display(),
        socket = containerd::socket(paths, node).display(),
        cgroup = cgroup::node(node.name),
        dns = network::HOST,
    )
}

/// Starts the node's kube-proxy.
///
/// # Errors
/// If its files cannot be written or it cannot be started.
pub(super) fn start_proxy(paths: &Paths, node: &Node) -> Result<Daemon> {
    let mut proxy = network::inside_of(node, tools::program(paths, "kube-proxy")?);
    proxy.args([
        format!("--kubeconfig={}", kubeconfig_of(paths, node, PROXY).display()),
        format!("--hostname-override={}", node.name),
        format!("--cluster-cidr={}", network::PODS),
        format!("--healthz-bind-address={}:10256", node.address()),
        "--proxy-mode=nftables".into(),
        // These sysctls belong to the host.
        "--conntrack-max-per-core=0".into(),
        "--conntrack-tcp-timeout-established=0s".into(),
        "--conntrack-tcp-timeout-close-wait=0s".into(),
    ]);
    Daemon::start(paths, &format!("{}-kube-proxy", node.name), &proxy)
}

/// Writes what kubelet expects to find.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn prepare(paths: &Paths, node: &Node) -> Result<()> {
    let resolv = paths.node(node.name).join("resolv.conf");
    fs::write(&resolv, "").context("write", &resolv)
}

/// Whether a kubelet that is not the bed's has its root here: ours only has the device plugins' socket there.
pub(super) fn is_foreign_root() -> bool {
    let mut entries = fs::read_dir(DEFAULT_ROOT).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name() != "device-plugins")
}

/// Removes what kubelets leave outside the bed's folder: links to logs, and a socket whose path is fixed.
pub(super) fn remove_traces(paths: &Paths) {
    for entry in fs::read_dir(CONTAINER_LOGS).into_iter().flatten().flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(&paths.state)) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(CONTAINER_LOGS);
    if !is_foreign_root() {
        let plugins = Path::new(DEFAULT_ROOT).join("device-plugins");
        let _ = fs::remove_file(plugins.join("kubelet.sock"));
        // Only empty folders go.
        let _ = fs::remove_dir(&plugins);
        let _ = fs::remove_dir(DEFAULT_ROOT);
    }
}

fn kubeconfig_of(paths: &Paths, node: &Node, component: &str) -> PathBuf {
    paths.pki().join(format!("{}-{component}.kubeconfig", node.name))
}
