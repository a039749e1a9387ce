//! What a router can still promise of its budgets, as a gauge. There are as many series as budgets.

use crate::budget::Unit;
use crate::snapshot::Snapshot;
use prometheus::{GaugeVec, Opts, Registry};

/// Nano-dollars in a dollar.
const NANOS: f64 = 1e9;

/// The gauge.
#[derive(Debug)]
pub(super) struct BudgetGauge(GaugeVec);

impl BudgetGauge {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let help = "What this router can still promise of a budget, in its unit: of its lease, or of all where there are no leases; per client, of who has the least.";
        let gauge = GaugeVec::new(Opts::new("budget_available", help), &["policy", "budget", "unit"])?;
        registry.register(Box::new(gauge.clone()))?;
        Ok(Self(gauge))
    }

    /// As it is now, in seconds since 1970.
    pub(super) fn set(&self, snapshot: &Snapshot, now: i64) {
        // Budgets that are no more lose their series.
        self.0.reset();
        for policy in &snapshot.policies {
            for budget in &policy.budgets {
                // A gauge; what is decided is decided in integers.
                let available = budget.available(now) as f64;
                let (unit, value) = match budget.unit {
                    Unit::NanoUsd => ("usd", available / NANOS),
                    Unit::Tokens => ("tokens", available),
                };
                self.0.with_label_values(&[policy.name.as_str(), budget.name.as_str(), unit]).set(value);
            }
        }
    }
}
