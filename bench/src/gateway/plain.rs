//! The bench's own proxy, as another process of this program.

use super::{Gateway, Kind, Starter};
use crate::plain_proxy::LISTENING;
use anyhow::Context;
use std::net::SocketAddr;

pub(super) async fn start(starter: &Starter<'_>, upstreams: &[SocketAddr]) -> anyhow::Result<Gateway> {
    let upstream = upstreams.first().context("a proxy needs an upstream")?;
    let program = std::env::current_exe()?;
    let args = ["plain-proxy", &upstream.to_string()];
    Gateway::spawn(starter, Kind::PlainHyper, &program, &args, *upstream)?
        .announced(|line| line.strip_prefix(LISTENING)?.parse().ok())
        .await
}
