//! Gateways that people pick instead and that are measured where they are installed: a file and a line each.

mod litellm;
mod sglang_router;
mod vllm_router;

use super::{Gateway, Kind, Starter, free_port};
use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// One of them.
#[derive(Debug)]
pub struct Peer {
    /// In `PEERS`, in the report, and of its program, which is looked for in `PATH`.
    pub name: &'static str,
    /// Whether it passes streams on event by event. One that makes events of its own cannot be compared by them.
    pub streams: bool,
    /// Its config file for this engine; absent if it takes everything from its arguments.
    config: Option<fn(SocketAddr) -> String>,
    /// Its arguments, given the path of its config.
    args: fn(&str, &Addresses) -> Vec<String>,
}

/// Where a peer's sides are.
#[derive(Debug)]
struct Addresses {
    /// For the clients.
    listen: SocketAddr,
    /// For who reads its metrics, if it has another port for them.
    metrics: SocketAddr,
    /// The engine.
    upstream: SocketAddr,
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

    /// Its name and version, if it is installed: all are Python packages, and the interpreter beside the program knows.
    pub fn version(&self) -> Option<String> {
        let ask = format!("from importlib.metadata import version; print(version('{}'))", self.name);
        let python = self.program()?.with_file_name("python3");
        let output = Command::new(python).args(["-c", &ask]).output().ok()?;
        let version = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        Some(format!("{} {}", self.name, version.trim()))
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
        let addresses = Addresses { listen: free_port()?, metrics: free_port()?, upstream };
        let config = folder.join("config");
        if let Some(text) = self.config {
            std::fs::write(&config, text(upstream))?;
        }
        let args = (self.args)(&config.to_string_lossy(), &addresses);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Gateway::spawn(starter, Kind::Peer(self), &program, &args, addresses.listen)?.listening().await
    }
}

/// An address as arguments: the flag for the host, and the one for the port.
fn at(flags: [&str; 2], address: SocketAddr) -> [String; 4] {
    [flags[0].to_owned(), address.ip().to_string(), flags[1].to_owned(), address.port().to_string()]
}

/// What the routers of SGLang and vLLM have in common.
fn router_of_engines(addresses: &Addresses) -> impl Iterator<Item = String> {
    let engine = format!("http://{}", addresses.upstream);
    at(["--host", "--port"], addresses.listen)
        .into_iter()
        .chain(at(["--prometheus-host", "--prometheus-port"], addresses.metrics))
        .chain(["--policy", "round_robin", "--worker-urls", &engine].map(str::to_owned))
}
