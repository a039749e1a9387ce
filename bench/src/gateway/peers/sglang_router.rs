//! The router of SGLang: it spreads requests over engines.

use super::{Addresses, Peer, router_of_engines};

pub(super) const PEER: Peer = Peer { name: "sglang-router", streams: true, config: None, args };

fn args(_: &str, addresses: &Addresses) -> Vec<String> {
    let own = ["launch", "--log-level", "warn"].map(str::to_owned);
    own.into_iter().chain(router_of_engines(addresses)).collect()
}
