//! The routers that are connected now, and what they reported.

use crate::fleet::Entry;
use crate::routing_policy::ObjectKey;
use flotilla_crds::router_config::{BackendUsage, NanoUsd};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One connected router.
#[derive(Debug, Clone, Default)]
pub struct RouterState {
    /// `namespace/pod`.
    pub pod: String,
    /// The policies of the config last sent.
    pub sent: Vec<Arc<Entry>>,
    /// That config's revision.
    pub sent_revision: String,
    /// The revision last acknowledged.
    pub acked_revision: String,
    /// The revision last refused, and why.
    pub refused: Option<(String, String)>,
    /// What it says that it served, of whatever policy.
    pub usage: Vec<BackendUsage>,
}

/// What all connected routers say of one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Routers that serve it.
    pub routers: i32,
    /// Of these, those that follow its present form.
    pub programmed: i32,
    /// Of these, those that refused it.
    pub rejected: i32,
    /// A refusal, with the pod that sent it.
    pub refusal: Option<String>,
    /// Requests answered by the fleet.
    pub fleet_requests: u64,
    /// Requests answered outside.
    pub external_requests: u64,
    /// Paid outside.
    pub spend: NanoUsd,
}

/// All connected routers, by session.
#[derive(Debug, Default)]
pub struct Registry {
    routers: Mutex<BTreeMap<u64, RouterState>>,
    /// Policies with usage that their status does not show yet.
    counted: Mutex<BTreeSet<ObjectKey>>,
    next: std::sync::atomic::AtomicU64,
}

impl Registry {
    /// Adds a router; gives the session's number.
    pub fn connect(&self, pod: String) -> u64 {
        let session = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.routers.lock().insert(session, RouterState { pod, ..RouterState::default() });
        session
    }

    /// Removes a router; gives the policies that it served.
    pub fn disconnect(&self, session: u64) -> Vec<ObjectKey> {
        self.routers.lock().remove(&session).map(|router| keys(&router)).unwrap_or_default()
    }

    /// Changes a router's state; gives the policies that it serves.
    pub fn update(&self, session: u64, change: impl FnOnce(&mut RouterState)) -> Vec<ObjectKey> {
        let mut routers = self.routers.lock();
        let Some(router) = routers.get_mut(&session) else {
            return Vec::new();
        };
        change(router);
        keys(router)
    }

    /// Takes a router's report of what it served.
    pub fn count(&self, session: u64, usage: Vec<BackendUsage>) {
        let served = self.update(session, |router| router.usage = usage);
        self.counted.lock().extend(served);
    }

    /// The policies that were counted since the last call.
    pub fn take_counted(&self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut *self.counted.lock())
    }

    /// How many routers are connected.
    pub fn len(&self) -> usize {
        self.routers.lock().len()
    }

    /// Whether no router is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every router that was given a policy follows its present form `entry`.
    pub fn all_follow(&self, entry: &Arc<Entry>) -> bool {
        let totals = self.totals(entry);
        totals.programmed == totals.routers
    }

    /// Sums up what routers say of the policy in its present form `entry`.
    pub fn totals(&self, entry: &Arc<Entry>) -> Totals {
        let name = entry.key.to_string();
        let mut totals = Totals::default();
        for router in self.routers.lock().values() {
            // A router speaks of the policies that it was given, and of no others. It may speak before it is given
            // them again, on a new stream, and then only of what changes: what it said is kept until it is.
            let Some(sent) = router.sent.iter().find(|sent| sent.key == entry.key) else {
                continue;
            };
            let usage = router.usage.iter().filter(|usage| usage.policy == name);
            for usage in usage {
                // A request that fails over counts once for each backend that failed it: only answers make the split.
                let answered = usage.requests.saturating_sub(usage.failed);
                let side =
                    if usage.external { &mut totals.external_requests } else { &mut totals.fleet_requests };
                *side = side.saturating_add(answered);
                if usage.external {
                    totals.spend = totals.spend.saturating_add(usage.cost);
                }
            }
            totals.routers += 1;
            match &router.refused {
                Some((revision, message)) if *revision == router.sent_revision => {
                    totals.rejected += 1;
                    totals.refusal.get_or_insert_with(|| format!("{}: {message}", router.pod));
                }
                _ if Arc::ptr_eq(sent, entry) && router.acked_revision == router.sent_revision => {
                    totals.programmed += 1;
                }
                _ => {}
            }
        }
        totals
    }
}

fn keys(router: &RouterState) -> Vec<ObjectKey> {
    router.sent.iter().map(|entry| entry.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Verdict;
    use crate::routing_policy::conflict::Conflict;

    fn entry() -> Arc<Entry> {
        let conflict = Conflict { model: String::new(), winner: String::new() };
        let key = ObjectKey { namespace: "apps".to_owned(), name: "split".to_owned() };
        Arc::new(Entry {
            key,
            generation: None,
            selector: None,
            gateway: false,
            verdict: Verdict::Conflicted(conflict),
        })
    }

    fn send(registry: &Registry, session: u64, entry: &Arc<Entry>, revision: &str) {
        registry.update(session, |router| {
            router.sent = vec![entry.clone()];
            router.sent_revision = revision.to_owned();
        });
    }

    #[test]
    fn a_router_is_programmed_when_it_acknowledged_the_present_form() {
        let (registry, present, older) = (Registry::default(), entry(), entry());
        let session = registry.connect("apps/a".to_owned());
        send(&registry, session, &older, "1");
        registry.update(session, |router| router.acked_revision = "1".to_owned());
        assert_eq!(registry.totals(&present).programmed, 0, "it follows an older form");
        send(&registry, session, &present, "2");
        assert_eq!(registry.totals(&present).programmed, 0, "not acknowledged yet");
        registry.update(session, |router| router.acked_revision = "2".to_owned());
        assert_eq!(registry.totals(&present).programmed, 1);
        registry.update(session, |router| {
            router.refused = Some(("2".to_owned(), "bad".to_owned()));
        });
        let totals = registry.totals(&present);
        assert_eq!(
            (totals.programmed, totals.rejected, totals.refusal.as_deref()),
            (0, 1, Some("apps/a: bad"))
        );
        assert_eq!(registry.disconnect(session), std::slice::from_ref(&present.key));
        assert_eq!(registry.totals(&present).routers, 0);
    }

    #[test]
    fn usage_is_summed_by_side() {
        let (registry, present) = (Registry::default(), entry());
        let usage = |external, requests, cost| BackendUsage {
            policy: "apps/split".to_owned(),
            external,
            requests,
            cost: NanoUsd(cost),
            ..BackendUsage::default()
        };
        for _ in 0..2 {
            let session = registry.connect(String::new());
            send(&registry, session, &present, "1");
            registry.count(session, vec![usage(false, 95, 7), usage(true, 5, 3)]);
        }
        assert_eq!(
            registry.take_counted().into_iter().collect::<Vec<_>>(),
            std::slice::from_ref(&present.key)
        );
        assert!(registry.take_counted().is_empty(), "status is written once for many reports");
        let totals = registry.totals(&present);
        assert_eq!((totals.fleet_requests, totals.external_requests, totals.spend), (190, 10, NanoUsd(6)));
    }
}
