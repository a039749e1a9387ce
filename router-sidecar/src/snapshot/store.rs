//! Where the snapshot in force is kept, and how the next one takes its place.

use super::{ConfigError, Snapshot, compile};
use crate::account::Metrics;
use crate::budget::LeaseNeed;
use arc_swap::ArcSwapOption;
use flotilla_crds::router_config::RouterConfig;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

/// The snapshot in force, swapped atomically.
#[derive(Debug)]
pub struct Store {
    current: ArcSwapOption<Snapshot>,
    metrics: Arc<Metrics>,
    /// Raised when a budget needs a lease.
    pub lease_need: LeaseNeed,
    /// A number for this process, from its start to its end.
    pub instance: u64,
    /// Held while a config is compiled, so that two sources cannot overtake each other.
    applying: Mutex<()>,
    changes: watch::Sender<()>,
}

/// What [`Store::apply`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The revision now in force.
    pub revision: String,
    /// Policies in it.
    pub policies: usize,
    /// Model names in it.
    pub models: usize,
}

impl Store {
    /// A store without a config; requests are refused until the first [`Store::apply`].
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            metrics,
            lease_need: LeaseNeed::default(),
            instance: rand::random(),
            applying: Mutex::new(()),
            changes: watch::Sender::new(()),
        }
    }

    /// The snapshot in force.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Hears of every snapshot that is put in force from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Compiles a config and puts it in force; the next request follows it.
    ///
    /// # Errors
    /// The config is wrong. The one before stays in force.
    pub fn apply(&self, config: &RouterConfig) -> Result<Applied, ConfigError> {
        let _one_at_a_time = self.applying.lock();
        let before = self.current();
        let carried = before.as_deref().map(compile::Carried::from).unwrap_or_default();
        let now = jiff::Timestamp::now().as_second();
        let compiled = compile::snapshot(config, &self.metrics, carried, now);
        let result = compiled.map(|snapshot| {
            let applied = Applied {
                revision: snapshot.revision.clone(),
                policies: snapshot.policies.len(),
                models: snapshot.by_model.len(),
            };
            let snapshot = Arc::new(snapshot);
            self.current.store(Some(Arc::clone(&snapshot)));
            let backends = snapshot.policies.iter().flat_map(|policy| &policy.backends);
            for (gate, rules) in backends.filter_map(|backend| backend.gate.as_ref()) {
                gate.rebound(rules.running);
            }
            self.changes.send_replace(());
            applied
        });
        if result.is_ok() {
            self.metrics.config_applied();
        } else {
            self.metrics.config_refused();
        }
        // Labels of backends that are no longer in force must not pile up.
        if let Some(snapshot) = self.current() {
            self.metrics.keep_only(&snapshot);
        }
        result
    }
}
