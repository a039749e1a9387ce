//! Ports that the bed listens on.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use super::network::HOST;
use crate::error::{Error, Result};

/// The API server.
pub(super) const API: u16 = 6443;
/// The registry.
pub(super) const REGISTRY: u16 = 5000;
/// Cluster DNS.
pub(super) const DNS: u16 = 53;
/// CoreDNS's health endpoint.
pub(super) const DNS_HEALTH: u16 = 8080;
/// etcd's client port, on loopback: it has no authentication.
pub(super) const ETCD: u16 = 23_790;
/// etcd's peer port, on loopback.
pub(super) const ETCD_PEER: u16 = 23_800;
/// The controller manager's secure port.
pub(super) const CONTROLLER_MANAGER: u16 = 10_257;
/// The scheduler's secure port.
pub(super) const SCHEDULER: u16 = 10_259;

/// An address on the bridge.
pub(super) fn on_bridge(port: u16) -> SocketAddr {
    SocketAddr::from((HOST, port))
}

/// An address on loopback.
pub(super) fn on_loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Refuses to start while a port is taken. The bridge must be there.
///
/// # Errors
/// [`Error::Machine`] with the address and how to find who has it.
pub(super) fn check_free() -> Result<()> {
    let bridge = [API, REGISTRY, DNS, DNS_HEALTH, CONTROLLER_MANAGER, SCHEDULER].map(on_bridge);
    let loopback = [ETCD, ETCD_PEER].map(on_loopback);
    bridge.iter().chain(&loopback).try_for_each(|address| check(*address))
}

fn check(address: SocketAddr) -> Result<()> {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Error::Machine(format!(
            "port {} is taken, so the bed cannot listen on {address}; `ss -ltnp 'sport = :{}'` says by whom",
            address.port(),
            address.port()
        ))),
        Err(error) => Err(Error::Machine(format!("the bed cannot listen on {address}: {error}"))),
        Ok(_) => Ok(()),
    }
}

/// Whether somebody accepts connections there.
pub(super) fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let error = check(address).unwrap_err().to_string();
        assert!(error.contains(&format!("port {} is taken", address.port())), "{error}");
    }

    /// Port 0 asks for any free port. A port just given up would not do: a child that another test
    /// forks at that moment holds a copy of the listener until it has called exec.
    #[test]
    fn a_free_port_is_taken_for_free() {
        check(on_loopback(0)).unwrap();
    }
}
