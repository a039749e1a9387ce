//! How many connections each client has open. A connection carries one answer at a time, so this bounds streams.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Counts connections by client address; as many entries as there are clients connected.
#[derive(Debug)]
pub(super) struct Clients {
    limit: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of a client.
#[derive(Debug)]
pub(super) struct Connected {
    clients: Arc<Clients>,
    address: IpAddr,
}

impl Clients {
    /// No client connected; each may have so many connections.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, open: Mutex::default() })
    }

    /// Counts a connection; `None` if the client has too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Connected> {
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Connected { clients: Arc::clone(self), address })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut open = self.clients.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_bound_and_leaves_nothing_behind() {
        let clients = Clients::new(2);
        let (one, two): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = clients.enter(one).unwrap();
        let _second = clients.enter(one).unwrap();
        assert!(clients.enter(one).is_none());
        let other = clients.enter(two);
        assert!(other.is_some());
        drop((first, other));
        assert!(clients.enter(one).is_some());
        assert!(!clients.open.lock().contains_key(&two));
    }
}
