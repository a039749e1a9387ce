//! The router of vLLM: it spreads requests over engines.

use super::{Peer, listening};
use std::net::SocketAddr;

pub(super) const PEER: Peer = Peer { name: "vllm-router", streams: true, config: None, args };

fn args(_: &str, listen: SocketAddr, upstream: SocketAddr) -> Vec<String> {
    let engine = format!("http://{upstream}");
    let own = ["--policy", "round_robin", "--worker-urls", &engine].map(str::to_owned);
    listening(listen).into_iter().chain(own).collect()
}
