//! HAProxy: one thread, connections reused whenever it is allowed to.

use super::{Gateway, Kind, Starter, free_port};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

pub(super) async fn start(starter: &Starter<'_>, upstreams: &[SocketAddr]) -> anyhow::Result<Gateway> {
    let address = free_port()?;
    let path = starter.folder.join("haproxy.cfg");
    std::fs::write(&path, config(address, upstreams)?)?;
    let path = path.to_string_lossy();
    let program = Path::new("/usr/sbin/haproxy");
    Gateway::spawn(starter, Kind::HaProxy, program, &["-db", "-f", &path], address)?.listening().await
}

fn config(address: SocketAddr, upstreams: &[SocketAddr]) -> Result<String, std::fmt::Error> {
    let mut servers = String::new();
    for (index, upstream) in upstreams.iter().enumerate() {
        writeln!(servers, "  server engine{index} {upstream}")?;
    }
    Ok(format!(
        "global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-no-delay
  http-reuse always
frontend clients
  bind {address}
  default_backend engine
backend engine
  balance random
{servers}"
    ))
}
