//! API server, controller manager and scheduler, on the host.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    kubeconfig,
    kubectl::kubectl,
    network::{HOST, PODS, SERVICES},
    paths::Paths,
    pki::Pki,
    ports,
    process::Daemon,
    tools, wait,
};
use crate::{command, error::Result};

/// Starts the three and waits until the API server is ready.
///
/// # Errors
/// If one cannot be started, or the API server does not become ready.
pub(super) fn start(paths: &Paths, pki: &Pki) -> Result<()> {
    let administrator = pki.cluster.client(&paths.pki(), "admin", "admin", Some("system:masters"))?;
    kubeconfig::write(&paths.admin_kubeconfig(), &pki.cluster, &administrator)?;
    let api_server = Daemon::start(paths, "kube-apiserver", &api_server(paths, pki)?)?;
    let mut probe = kubectl(paths)?;
    probe.args(["get", "--raw", "/readyz"]);
    let address = ports::on_bridge(ports::API);
    wait::until_ready(&api_server, Duration::from_mins(1), || {
        ports::accepts(address) && command::succeeds(&mut probe)
    })?;
    Daemon::start(paths, "kube-controller-manager", &controller_manager(paths, pki)?)?;
    Daemon::start(paths, "kube-scheduler", &scheduler(paths, pki)?)?;
    Ok(())
}

fn api_server(paths: &Paths, pki: &Pki) -> Result<Command> {
    let mut server = Command::new(tools::program(paths, "kube-apiserver")?);
    server.args([
        format!("--etcd-servers=http://{}", ports::on_loopback(ports::ETCD)),
        format!("--bind-address={HOST}"),
        format!("--secure-port={}", ports::API),
        format!("--advertise-address={HOST}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        // The host has no kube-proxy: webhooks are called at their endpoints, which it can route to.
        "--enable-aggregator-routing=true".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        // The bed stops with its users: no need to wait for theirs.
        "--shutdown-delay-duration=0s".into(),
        "--profiling=false".into(),
        // Pods leave a dead node after half a minute, not after five.
        "--default-not-ready-toleration-seconds=30".into(),
        "--default-unreachable-toleration-seconds=30".into(),
    ]);
    server.args([
        file("--client-ca-file", &pki.cluster.certificate),
        file("--tls-cert-file", &pki.api_server.certificate),
        file("--tls-private-key-file", &pki.api_server.key),
        file("--kubelet-client-certificate", &pki.kubelet_client.certificate),
        file("--kubelet-client-key", &pki.kubelet_client.key),
        file("--service-account-key-file", &pki.service_accounts.certificate),
        file("--service-account-signing-key-file", &pki.service_accounts.key),
        file("--requestheader-client-ca-file", &pki.front_proxy.certificate),
        file("--proxy-client-cert-file", &pki.front_proxy_client.certificate),
        file("--proxy-client-key-file", &pki.front_proxy_client.key),
    ]);
    Ok(server)
}

fn controller_manager(paths: &Paths, pki: &Pki) -> Result<Command> {
    let kubeconfig = kubeconfig_of(paths, pki, "kube-controller-manager")?;
    let mut manager = Command::new(tools::program(paths, "kube-controller-manager")?);
    manager.args([
        format!("--bind-address={HOST}"),
        format!("--secure-port={}", ports::CONTROLLER_MANAGER),
        format!("--cluster-cidr={PODS}"),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--allocate-node-cidrs=false".into(),
        "--leader-elect=false".into(),
        // Thousands of simulated pods: the default of 20 calls a second would be all that a test waits for.
        "--kube-api-qps=300".into(),
        "--kube-api-burst=600".into(),
        "--use-service-account-credentials=true".into(),
    ]);
    manager.args([
        file("--kubeconfig", &kubeconfig),
        file("--authentication-kubeconfig", &kubeconfig),
        file("--authorization-kubeconfig", &kubeconfig),
        file("--service-account-private-key-file", &pki.service_accounts.key),
        file("--root-ca-file", &pki.cluster.certificate),
        file("--cluster-signing-cert-file", &pki.cluster.certificate),
        file("--cluster-signing-key-file", &pki.cluster.key),
        file("--cert-dir", &paths.pki().join("kube-controller-manager")),
        file("--flex-volume-plugin-dir", &paths.state.join("volume-plugins")),
    ]);
    Ok(manager)
}

fn scheduler(paths: &Paths, pki: &Pki) -> Result<Command> {
    let kubeconfig = kubeconfig_of(paths, pki, "kube-scheduler")?;
    let mut scheduler = Command::new(tools::program(paths, "kube-scheduler")?);
    scheduler.args([
        format!("--bind-address={HOST}"),
        format!("--secure-port={}", ports::SCHEDULER),
        "--leader-elect=false".into(),
        "--kube-api-qps=300".into(),
        "--kube-api-burst=600".into(),
    ]);
    scheduler.args([
        file("--kubeconfig", &kubeconfig),
        file("--authentication-kubeconfig", &kubeconfig),
        file("--authorization-kubeconfig", &kubeconfig),
        file("--cert-dir", &paths.pki().join("kube-scheduler")),
    ]);
    Ok(scheduler)
}

/// The built-in RBAC rules know the components by the user `system:NAME`.
fn kubeconfig_of(paths: &Paths, pki: &Pki, component: &str) -> Result<PathBuf> {
    let identity = pki.cluster.client(&paths.pki(), component, &format!("system:{component}"), None)?;
    let path = paths.pki().join(format!("{component}.kubeconfig"));
    kubeconfig::write(&path, &pki.cluster, &identity)?;
    Ok(path)
}

fn file(flag: &str, path: &Path) -> String {
    format!("{flag}={}", path.display())
}
