//! The LAN of the bed: a bridge in the host's namespace and one namespace a node.

use std::{net::Ipv4Addr, path::Path, process::Command};

use super::{
    node::{Node, all},
    paths::Paths,
};
use crate::{
    command,
    error::{Error, Result},
};

/// The host's address on the bridge: API server, DNS and registry listen here.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 1);
/// All pods.
pub(super) const PODS: &str = "10.244.0.0/16";
/// Cluster addresses of Services.
pub(super) const SERVICES: &str = "10.96.0.0/16";
/// The first address of [`SERVICES`] is the API server's.
pub(super) const API_SERVICE: &str = "10.96.0.1";

const BRIDGE: &str = "flotilla0";

/// A node's address on the bridge.
pub(super) fn node_address(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 89, 0, 10 + index)
}

/// A node's pod range.
pub(super) fn pod_range(index: u8) -> String {
    format!("10.244.{index}.0/24")
}

/// The state folder of the bed that owns the bridge, if there is a bridge.
pub(super) fn owner() -> Option<String> {
    let bridge = Path::new("/sys/class/net").join(BRIDGE);
    let alias = std::fs::read_to_string(bridge.join("ifalias")).ok()?;
    Some(alias.trim().to_owned())
}

/// Refuses a machine that already uses the bed's addresses.
///
/// # Errors
/// [`Error::Machine`] with the interface.
pub(super) fn check_free() -> Result<()> {
    let addresses = command::output(&mut command::command("ip", ["-4", "-oneline", "address"]))?;
    match clash(&addresses) {
        None => Ok(()),
        Some(line) => Err(Error::Machine(format!(
            "the bed needs 10.89.0.0/24, 10.244.0.0/16 and 10.96.0.0/16, but an interface already uses one of \
             them; remove it first: {line}"
        ))),
    }
}

fn clash(addresses: &str) -> Option<&str> {
    let ours = ["10.89.0.", "10.244.", "10.96."];
    let mut lines = addresses.lines().map(str::trim).filter(|line| !line.contains(BRIDGE));
    lines.find(|line| ours.iter().any(|prefix| line.contains(&format!("inet {prefix}"))))
}

/// Makes the bridge and the host's routes to the pods of all nodes, there or not.
///
/// # Errors
/// If `ip` refuses a line.
pub(super) fn create(paths: &Paths) -> Result<()> {
    let mut lines = vec![
        format!("link add {BRIDGE} type bridge"),
        format!("link set {BRIDGE} alias {}", paths.state.display()),
        format!("address add {HOST}/24 dev {BRIDGE}"),
        format!("link set {BRIDGE} up"),
    ];
    lines.extend(all().map(route));
    ip(&[], &lines)
}

/// Makes a node's namespace, its cable to the bridge, and its routes to the pods of the others.
///
/// # Errors
/// If `ip` refuses a line.
pub(super) fn attach(node: &Node) -> Result<()> {
    let (veth, namespace) = (veth(node), node.namespace());
    ip(
        &[],
        &[
            format!("netns add {namespace}"),
            format!("link add {veth} type veth peer name eth0 netns {namespace}"),
            format!("link set {veth} master {BRIDGE} up"),
        ],
    )?;
    let mut inside = vec![
        "link set lo up".to_owned(),
        format!("address add {}/24 dev eth0", node.address()),
        "link set eth0 up".to_owned(),
        format!("route add default via {HOST}"),
    ];
    inside.extend(all().filter(|other| other.index != node.index).map(route));
    ip(&["-netns", &namespace], &inside)?;
    command::output(inside_of(node, "sysctl").args(["-q", "-w", "net.ipv4.ip_forward=1"])).map(drop)
}

fn route(node: &Node) -> String {
    format!("route add {} via {}", pod_range(node.index), node.address())
}

/// Removes what [`attach`] made, whatever of it is there.
pub(super) fn detach(node: &Node) {
    command::succeeds(&mut command::command("ip", ["netns", "delete", &node.namespace()]));
    command::succeeds(&mut command::command("ip", ["link", "delete", &veth(node)]));
}

/// Removes the network, whatever of it is there.
pub(super) fn destroy() {
    all().for_each(detach);
    // The routes to the pods go with the bridge.
    command::succeeds(&mut command::command("ip", ["link", "delete", BRIDGE]));
}

/// Whether anything of it is left.
pub(super) fn exists() -> bool {
    owner().is_some() || all().any(|node| Path::new("/run/netns").join(node.namespace()).exists())
}

/// A program that starts in the node's network namespace and sees the host's files. (`ip netns exec` would
/// remount /sys, which hides the cgroups.)
pub(super) fn inside_of(node: &Node, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut nsenter = Command::new("nsenter");
    nsenter.arg(format!("--net=/run/netns/{}", node.namespace())).arg("--").arg(program);
    nsenter
}

/// Interface names have at most 15 bytes.
fn veth(node: &Node) -> String {
    format!("fl-{}", node.name)
}

/// Runs lines of `ip`, all in one go.
fn ip(options: &[&str], lines: &[String]) -> Result<()> {
    command::output_with_input(command::command("ip", options).args(["-batch", "-"]), &lines.join("\n"))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_interface_in_our_range_is_a_clash_and_our_bridge_is_not() {
        let ours = "7: flotilla0    inet 10.89.0.1/24 scope global flotilla0\n";
        let podman = "5: podman1    inet 10.89.0.1/24 brd 10.89.0.255 scope global podman1\n";
        assert_eq!(clash(ours), None);
        assert_eq!(clash(&format!("{ours}{podman}")), Some(podman.trim()));
        assert_eq!(clash("2: eth0    inet 110.89.0.1/24\n"), None);
    }

    #[test]
    fn interface_names_fit() {
        assert!(all().all(|node| veth(node).len() <= 15));
    }
}
