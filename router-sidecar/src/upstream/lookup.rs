//! Name lookups, shared and bounded.
//!
//! A lookup takes a thread until the system is done with it, however long that is and whether or not anybody still
//! waits: who gives up does not stop it. So all connections to a host wait for the same lookup, and one host that does
//! not resolve cannot take the threads of all others.

use super::client::BoxError;
use futures::future::{BoxFuture, FutureExt, Shared};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tower::{Service, ServiceExt};

/// Lookups at once: three quarters of the threads that there are for such work, see `cli`.
const AT_ONCE: usize = 48;
/// Lookups of one host at once: if the question or its answer was lost, the next one is faster than asking again.
const PER_HOST: usize = 2;
/// From then on a lookup may have been lost, and another one is begun.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// Addresses, or why there are none; the same for all who wait.
type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;
type Waiting = Shared<oneshot::Receiver<Found>>;

/// A lookup under way.
#[derive(Debug)]
struct UnderWay {
    id: u64,
    since: Instant,
    found: Waiting,
}

/// The lookups under way. Hosts are those of the config and go when their lookups end.
#[derive(Debug, Default)]
struct Hosts {
    next: u64,
    under_way: HashMap<Name, Vec<UnderWay>>,
}

/// Looks names up.
#[derive(Debug, Clone)]
pub struct Lookup<R = GaiResolver> {
    resolver: R,
    hosts: Arc<Mutex<Hosts>>,
    free: Arc<Semaphore>,
}

impl<R> Lookup<R> {
    /// Bounds what this one does.
    pub(super) fn new(resolver: R) -> Self {
        Self { resolver, hosts: Arc::default(), free: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl<R> Lookup<R>
where
    R: Service<Name, Error = io::Error> + Clone + Send + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send,
{
    /// The lookup to wait for: one that is under way, or a new one.
    fn join(&self, name: &Name) -> Waiting {
        let now = Instant::now();
        let mut hosts = self.hosts.lock();
        let id = hosts.next;
        let under_way = hosts.under_way.entry(name.clone()).or_default();
        if let Some(last) = under_way.last()
            && (now.saturating_duration_since(last.since) < LOST_AFTER || under_way.len() >= PER_HOST)
        {
            return last.found.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let found = receiver.shared();
        under_way.push(UnderWay { id, since: now, found: found.clone() });
        hosts.next += 1;
        let entry = Entry { hosts: Arc::clone(&self.hosts), name: name.clone(), id };
        let (resolver, free) = (self.resolver.clone(), Arc::clone(&self.free));
        // A task of its own: it counts as under way until it ends, and not only as long as somebody waits.
        tokio::spawn(async move {
            let found = resolve(resolver, entry.name.clone(), &free).await;
            drop(entry);
            // Nobody may be waiting any more.
            drop(sender.send(found));
        });
        found
    }
}

async fn resolve<R>(resolver: R, name: Name, free: &Semaphore) -> Found
where
    R: Service<Name, Error = io::Error>,
    R::Response: Iterator<Item = SocketAddr>,
{
    let _permit = free.acquire().await.map_err(|error| Arc::new(io::Error::other(error)))?;
    Ok(resolver.oneshot(name).await.map_err(Arc::new)?.collect())
}

/// Takes a lookup out of those under way when it ends, in whatever way.
struct Entry {
    hosts: Arc<Mutex<Hosts>>,
    name: Name,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut hosts = self.hosts.lock();
        if let Some(under_way) = hosts.under_way.get_mut(&self.name) {
            under_way.retain(|other| other.id != self.id);
            if under_way.is_empty() {
                hosts.under_way.remove(&self.name);
            }
        }
    }
}

impl<R> Service<Name> for Lookup<R>
where
    R: Service<Name, Error = io::Error> + Clone + Send + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.join(&name);
        Box::pin(async move { Ok(found.await??.to_vec().into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 0);

    /// Answers at once, except for hosts that begin with `dead`: their lookups end badly after a minute.
    #[derive(Debug, Clone, Default)]
    struct Stub(Arc<AtomicUsize>);

    impl Stub {
        fn asked(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Service<Name> for Stub {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = BoxFuture<'static, io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, name: Name) -> Self::Future {
            self.0.fetch_add(1, Ordering::Relaxed);
            let dead = name.as_str().starts_with("dead");
            Box::pin(async move {
                if dead {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                    return Err(io::Error::other("no such host"));
                }
                tokio::task::yield_now().await;
                Ok(vec![ADDRESS].into_iter())
            })
        }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn lookup() -> (Stub, Lookup<Stub>) {
        let stub = Stub::default();
        (stub.clone(), Lookup::new(stub))
    }

    /// Waits as long as a connection does.
    async fn within<T>(future: impl Future<Output = Result<T, BoxError>>) -> Option<Result<T, BoxError>> {
        tokio::time::timeout(super::super::client::CONNECT_DEADLINE, future).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_at_the_same_time_gets_the_same_answer() {
        let (stub, mut lookup) = lookup();
        let all: Vec<_> = (0..10).map(|_| lookup.call(name("api.example"))).collect();
        for found in futures::future::join_all(all).await {
            assert_eq!(found.unwrap().collect::<Vec<_>>(), [ADDRESS]);
        }
        assert_eq!(stub.asked(), 1);
        lookup.call(name("api.example")).await.unwrap();
        assert_eq!(stub.asked(), 2, "nothing is kept");
        assert!(lookup.hosts.lock().under_way.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_resolve_takes_two_threads_and_keeps_nobody_else_waiting() {
        let (stub, mut lookup) = lookup();
        for _ in 0..20 {
            assert!(within(lookup.call(name("dead"))).await.is_none());
            let asked = stub.asked();
            assert!(within(lookup.call(name("api.example"))).await.unwrap().is_ok());
            assert_eq!(stub.asked(), asked + 1);
        }
        // 100 s: lookups of a minute, two at a time.
        assert_eq!(stub.asked(), 20 + 4);
        let failed = lookup.call(name("dead")).await.unwrap_err();
        assert_eq!(failed.to_string(), "no such host");
    }

    #[tokio::test(start_paused = true)]
    async fn many_hosts_that_do_not_resolve_leave_threads_for_other_work() {
        let (stub, mut lookup) = lookup();
        let all: Vec<_> = (0..200).map(|n| lookup.call(name(&format!("dead-{n}")))).collect();
        assert!(within(futures::future::try_join_all(all)).await.is_none());
        assert_eq!(stub.asked(), AT_ONCE);
        // They all end, and then there is nothing left of them.
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(stub.asked(), 200);
        assert!(lookup.hosts.lock().under_way.is_empty());
        assert!(within(lookup.call(name("api.example"))).await.unwrap().is_ok());
    }
}
