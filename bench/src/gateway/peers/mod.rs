//! Gateways that people pick instead and that are measured where they are installed: a file and a line each.

mod litellm;
mod sglang_router;
mod vllm_router;

use super::{Gateway, Kind, Starter, free_port};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One of them.
#[derive(Debug)]
pub struct Peer {
    /// In `PEERS`, in the report, and of its program, which is looked for in `PATH`.
    pub name: &'static str,
    /// Whether it passes streams on event by event. One that makes events of its own cannot be compared by them.
    pub streams: bool,
    /// Its config file for this engine; absent if it takes everything from its arguments.
    config: Option<fn(SocketAddr) -> String>,
    /// Its arguments, given the path of its config, where it listens, and the engine.
    args: fn(&str, SocketAddr, SocketAddr) -> Vec<String>,
}

/// A peer a line.
pub const PEERS: [&Peer; 3] = [&litellm::PEER, &sglang_router::PEER, &vllm_router::PEER];

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Peer {}

impl Peer {
    /// The one of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> anyhow::Result<&'static Self> {
        let known = || PEERS.map(|peer| peer.name).join(", ");
        let found = PEERS.into_iter().find(|peer| peer.name == name);
        found.with_context(|| format!("there is no peer {name}: those known are {}", known()))
    }

    /// Its program, if it is installed.
    pub fn program(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(self.name)).find(|program| program.is_file())
    }

    pub(super) async fn start(
        &'static self,
        starter: &Starter<'_>,
        upstreams: &[SocketAddr],
    ) -> anyhow::Result<Gateway> {
        let upstream = *upstreams.first().context("a gateway needs an upstream")?;
        let program = self.program().with_context(|| format!("{} is not installed", self.name))?;
        let folder = starter.folder.join(self.name);
        std::fs::create_dir_all(&folder)?;
        let address = free_port()?;
        let config = folder.join("config");
        if let Some(text) = self.config {
            std::fs::write(&config, text(upstream))?;
        }
        let args = (self.args)(&config.to_string_lossy(), address, upstream);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Gateway::spawn(starter, Kind::Peer(self), &program, &args, address)?.listening().await
    }
}

/// Host and port as arguments.
fn listening(listen: SocketAddr) -> [String; 4] {
    ["--host".to_owned(), listen.ip().to_string(), "--port".to_owned(), listen.port().to_string()]
}
