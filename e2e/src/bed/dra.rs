//! The bed's DRA driver on a node: it offers the node's cards as devices of `gpu.nvidia.com`.

use std::{process::Command, time::Duration};

use super::{kubectl::kubectl, kubelet, node::Node, paths::Paths, process::Daemon, tools, wait};
use crate::{
    command,
    error::{Error, Result},
};

/// The class that claims name, as NVIDIA's driver installs it.
const DEVICE_CLASS: &str = r#"
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: gpu.nvidia.com}
spec:
  selectors:
  - cel: {expression: "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"}
"#;
/// To register at the kubelet and publish.
const START: Duration = Duration::from_secs(30);

/// Whether several claims may have a part of one card's memory each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// A claim has a whole card.
    Exclusive,
    /// Memory is a capacity that claims consume.
    Shared,
}

/// Starts the driver on a node and waits until its devices are published. One that runs there is ended first.
///
/// # Errors
/// If it does not start or publish.
pub fn start_dra(paths: &Paths, node: &Node, devices: Devices) -> Result<()> {
    end(paths, node);
    command::output_with_input(kubectl(paths)?.args(["apply", "-f", "-"]), DEVICE_CLASS)?;
    let gpu = node.gpu;
    let mut driver = Command::new(tools::program(paths, "dra-driver")?);
    driver.args([
        format!("-node={}", node.name),
        format!("-kubeconfig={}", kubelet::credentials(paths, node).display()),
        format!("-kubelet-root={}", kubelet::root(paths, node).display()),
        format!("-cdi={}", paths.node(node.name).join("cdi").display()),
        // A label takes no blanks; the driver reports names as the card does.
        format!("-product={}", gpu.product.replace('-', " ")),
        format!("-architecture={}", gpu.family),
        format!("-compute={}.{}", gpu.compute.0, gpu.compute.1),
        format!("-memory-mib={}", gpu.memory_mib),
        format!("-count={}", gpu.count),
        format!("-shared={}", devices == Devices::Shared),
    ]);
    let daemon = Daemon::start(paths, &name(node), &driver)?;
    let mut published = String::new();
    wait::until_ready(&daemon, START, || {
        published = devices_of(paths, node).unwrap_or_default();
        // The slices of an earlier driver, of the other kind perhaps, are there until this one replaces them.
        published.lines().count() as u64 == u64::from(gpu.count)
            && published.lines().all(|line| line.ends_with("=true") == (devices == Devices::Shared))
    })
}

/// Ends the driver of a node. Its devices stay published for half a minute, as after a crash.
pub fn crash_dra(paths: &Paths, node: &Node) {
    end(paths, node);
}

/// Ends the driver of a node and withdraws its devices.
///
/// # Errors
/// If the API server refuses.
pub fn stop_dra(paths: &Paths, node: &Node) -> Result<()> {
    end(paths, node);
    let mut delete = kubectl(paths)?;
    delete.args(["delete", "resourceslices", "--field-selector", &format!("spec.nodeName={}", node.name)]);
    command::output(&mut delete).map(drop)
}

fn end(paths: &Paths, node: &Node) {
    Daemon::end(paths, Duration::from_secs(5), |daemon| daemon == name(node));
}

fn name(node: &Node) -> String {
    format!("{}-dra-driver", node.name)
}

/// One line a device: its name, and whether it may be shared.
fn devices_of(paths: &Paths, node: &Node) -> Result<String, Error> {
    let mut get = kubectl(paths)?;
    get.args(["get", "resourceslices", "--field-selector", &format!("spec.nodeName={}", node.name)]);
    get.args([
        "-o",
        r#"jsonpath={range .items[*].spec.devices[*]}{.name}={.allowMultipleAllocations}{"\n"}{end}"#,
    ]);
    command::output(&mut get)
}
