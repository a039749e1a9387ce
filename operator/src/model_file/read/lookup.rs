//! Name lookup that leaves out addresses inside, so that a name of somebody's DNS leads to none of them.

use crate::internal_hosts::InternalHosts;
use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

/// Looks names up by the system's resolver.
#[derive(Debug, Clone)]
pub(super) struct Lookup(Arc<InternalHosts>);

/// A name has no address that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{name} leads to {address}, which is refused: {why}")]
pub(super) struct Refused {
    name: String,
    address: String,
    why: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LookupError {
    #[error("the name cannot be looked up")]
    Unknown(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Lookup {
    pub(super) const fn new(hosts: Arc<InternalHosts>) -> Self {
        Self(hosts)
    }
}

impl tower::Service<Name> for Lookup {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let hosts = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(allowed(&hosts, name.as_str(), found.collect())?.into_iter())
        })
    }
}

/// The addresses that may be connected to; an error if there are addresses and none of them may.
fn allowed(hosts: &InternalHosts, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let refusal = found.iter().find_map(|address| Some((address.ip(), hosts.refuses_ip(address.ip())?)));
    let kept: Vec<_> = found.into_iter().filter(|address| hosts.refuses_ip(address.ip()).is_none()).collect();
    match refusal {
        Some((ip, why)) if kept.is_empty() => {
            Err(Refused { name: name.to_owned(), address: ip.to_string(), why })
        }
        _ => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_left_out() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (inside, outside) = (address("127.0.0.1:0"), address("192.0.2.1:0"));
        let hosts = InternalHosts::default();
        let names = |found: &[SocketAddr]| allowed(&hosts, "h.example", found.to_vec());
        assert_eq!(names(&[inside, outside]).unwrap(), [outside]);
        let error = names(&[inside]).unwrap_err().to_string();
        assert!(error.contains("h.example leads to 127.0.0.1") && error.contains("loopback"), "{error}");
        let all = InternalHosts { allowed: true, api_server: None };
        assert_eq!(allowed(&all, "h.example", vec![inside]).unwrap(), [inside]);
        assert!(names(&[]).unwrap().is_empty());
    }
}
