//! Gateways under test: how each is configured, started, looked at and ended.

mod haproxy;
mod nginx;
mod peers;
mod plain;
mod process;
mod router;

pub use peers::{PEERS, Peer};
pub use process::Gateway;
pub use router::{Budgets, Guards, RouterSetup, Source, config};

use crate::cores::Cores;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// nginx with one worker and no access log.
    Nginx,
    /// The same, writing its access log.
    NginxLogging,
    /// HAProxy with one thread and no log.
    HaProxy,
    /// The least that a proxy made with hyper can do.
    PlainHyper,
    /// One that may be installed.
    Peer(&'static Peer),
    /// flotilla-router.
    Router,
}

impl Kind {
    /// Everybody who is always measured.
    pub const ALL: [Self; 5] =
        [Self::Nginx, Self::NginxLogging, Self::HaProxy, Self::PlainHyper, Self::Router];

    /// In the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::NginxLogging => "nginx, access log",
            Self::HaProxy => "HAProxy",
            Self::PlainHyper => "plain hyper proxy",
            Self::Peer(peer) => peer.name,
            Self::Router => "flotilla-router",
        }
    }
}

/// How gateways are started.
#[derive(Debug, Clone, Copy)]
pub struct Starter<'a> {
    /// For their files.
    pub folder: &'a Path,
    /// The router's program.
    pub router: &'a Path,
    /// Where they run; anywhere if absent.
    pub cores: Option<Cores>,
}

impl Starter<'_> {
    /// Starts one in front of `upstreams` and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, or does not come up.
    pub async fn start(&self, kind: Kind, upstreams: &[SocketAddr]) -> anyhow::Result<Gateway> {
        match kind {
            Kind::Nginx => nginx::start(self, upstreams, false).await,
            Kind::NginxLogging => nginx::start(self, upstreams, true).await,
            Kind::HaProxy => haproxy::start(self, upstreams).await,
            Kind::PlainHyper => plain::start(self, upstreams).await,
            Kind::Peer(peer) => peer.start(self, upstreams).await,
            Kind::Router => self.router(&RouterSetup::usual(upstreams)).await,
        }
    }

    /// Starts a router with a certain config.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn router(&self, setup: &RouterSetup<'_>) -> anyhow::Result<Gateway> {
        router::start(self, setup).await
    }
}

/// A port that was free just now, for programs that cannot let the kernel choose.
fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
