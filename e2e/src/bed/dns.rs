//! Cluster DNS: one CoreDNS on the bridge's address.

use std::{fs, process::Command, time::Duration};

use super::{
    kubeconfig, kubectl::kubectl, network::HOST, paths::Paths, pki::Pki, ports, process::Daemon, tools, wait,
};
use crate::{
    command,
    error::{FileContext, Result},
};

const USER: &str = "flotilla-bed:dns";

/// What CoreDNS may read.
const PERMISSIONS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: flotilla-bed:dns}
rules:
- {apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: flotilla-bed:dns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: flotilla-bed:dns}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: flotilla-bed:dns}
"#;

/// Starts CoreDNS and waits until it answers.
///
/// # Errors
/// If it ends or does not answer.
pub(super) fn start(paths: &Paths, pki: &Pki) -> Result<()> {
    let identity = pki.cluster.client(&paths.pki(), "dns", USER, None)?;
    let kubeconfig = paths.pki().join("dns.kubeconfig");
    kubeconfig::write(&kubeconfig, &pki.cluster, &identity)?;
    command::output_with_input(kubectl(paths)?.args(["apply", "-f", "-"]), PERMISSIONS)?;
    let corefile = paths.state.join("Corefile");
    let health = ports::on_bridge(ports::DNS_HEALTH);
    // Names of Services may change within a test, so answers are kept for a second only.
    let text = format!(
        ".:{} {{\n  bind {HOST}\n  errors\n  health {health}\n  cache 1\n  kubernetes cluster.local in-addr.arpa {{\n    \
         kubeconfig {}\n    ttl 1\n  }}\n}}\n",
        ports::DNS,
        kubeconfig.display(),
    );
    fs::write(&corefile, text).context("write", &corefile)?;
    let mut coredns = Command::new(tools::program(paths, "coredns")?);
    coredns.arg("-conf").arg(&corefile);
    let daemon = Daemon::start(paths, "coredns", &coredns)?;
    wait::until_ready(&daemon, Duration::from_secs(20), || ports::accepts(ports::on_bridge(ports::DNS)))
}
