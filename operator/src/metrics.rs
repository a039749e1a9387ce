//! The operator's own metrics.

use crate::decide::placement::Stock;
use crate::process;
use crate::scaling::Gauges;
use prometheus::{
    Encoder as _, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use std::collections::BTreeMap;
use std::time::Instant;

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    duration: HistogramVec,
    routers: IntGauge,
    leader: IntGauge,
    gpus: IntGaugeVec,
    unplaced: IntGaugeVec,
    budgets: GaugeVec,
    scaling: Gauges,
}

/// What is left of one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetLeft {
    /// `namespace/name` of the policy.
    pub policy: String,
    /// The budget's name in it.
    pub budget: String,
    /// `usd` or `tokens`.
    pub unit: &'static str,
    /// So much; of a budget per client, of the client that has spent the most.
    pub left: f64,
}

impl Metrics {
    /// Registers every metric in a registry of its own.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let reconciles = IntCounterVec::new(
            Opts::new("flotilla_operator_reconciles_total", "Reconciles by kind and outcome."),
            &["kind", "outcome"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new("flotilla_operator_reconcile_duration_seconds", "Time of one reconcile.")
                .buckets(vec![0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]),
            &["kind"],
        )?;
        let routers =
            IntGauge::new("flotilla_operator_routers_connected", "Routers connected to this replica.")?;
        let leader = IntGauge::new("flotilla_operator_leader", "1 on the replica that writes.")?;
        let gpus = IntGaugeVec::new(
            Opts::new(
                "flotilla_operator_gpus",
                "GPUs, shares and partitions by product: free, used or closed.",
            ),
            &["product", "state"],
        )?;
        let unplaced = IntGaugeVec::new(
            Opts::new(
                "flotilla_operator_models_unplaced",
                "ModelDeployments that wait for a GPU, by reason.",
            ),
            &["reason"],
        )?;
        let budgets = GaugeVec::new(
            Opts::new(
                "flotilla_operator_budget_left",
                "What is left of a budget in its present period, in its unit; per client, of who has spent the most.",
            ),
            &["policy", "budget", "unit"],
        )?;
        registry.register(Box::new(budgets.clone()))?;
        registry.register(Box::new(gpus.clone()))?;
        registry.register(Box::new(unplaced.clone()))?;
        registry.register(Box::new(reconciles.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(routers.clone()))?;
        registry.register(Box::new(leader.clone()))?;
        let scaling = Gauges::new(&registry)?;
        Ok(Self { registry, reconciles, duration, routers, leader, gpus, unplaced, budgets, scaling })
    }

    /// The figures of scaling.
    pub const fn scaling(&self) -> &Gauges {
        &self.scaling
    }

    /// Starts to time one reconcile.
    pub fn reconcile<'a>(&'a self, kind: &'a str) -> ReconcileTimer<'a> {
        ReconcileTimer { metrics: self, kind, start: Instant::now() }
    }

    /// What there is of each product now.
    pub fn gpus(&self, stock: &BTreeMap<String, Stock>) {
        // Products that are gone lose their series.
        self.gpus.reset();
        for (product, Stock { free, used, closed }) in stock {
            for (state, count) in [("free", free), ("used", used), ("closed", closed)] {
                self.gpus.with_label_values(&[product.as_str(), state]).set((*count).into());
            }
        }
    }

    /// How many models wait for a GPU now, by the reason of their condition `Placeable`.
    pub fn unplaced(&self, models: &BTreeMap<String, i64>) {
        self.unplaced.reset();
        for (reason, count) in models {
            self.unplaced.with_label_values(&[reason.as_str()]).set(*count);
        }
    }

    /// What is left of every budget now.
    pub fn budgets(&self, budgets: &[BudgetLeft]) {
        self.budgets.reset();
        for BudgetLeft { policy, budget, unit, left } in budgets {
            self.budgets.with_label_values(&[policy.as_str(), budget.as_str(), unit]).set(*left);
        }
    }

    /// The exposition, with gauges set to these values, and with what the process takes.
    pub fn text(&self, routers: usize, leader: bool) -> Result<String, prometheus::Error> {
        self.routers.set(i64::try_from(routers).unwrap_or(i64::MAX));
        self.leader.set(i64::from(leader));
        let mut families = self.registry.gather();
        families.extend(process::families());
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&families, &mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }
}

/// Times one reconcile.
pub struct ReconcileTimer<'a> {
    metrics: &'a Metrics,
    kind: &'a str,
    start: Instant,
}

impl ReconcileTimer<'_> {
    /// The reconcile has ended.
    pub fn done(self, ok: bool) {
        let outcome = if ok { "success" } else { "error" };
        self.metrics.reconciles.with_label_values(&[self.kind, outcome]).inc();
        self.metrics.duration.with_label_values(&[self.kind]).observe(self.start.elapsed().as_secs_f64());
    }
}
