//! What became of spans.

use crate::spans::Counters;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

impl Counters {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let exported = IntCounter::new("spans_exported_total", "Spans that the collector took.")?;
        let dropped = IntCounterVec::new(
            Opts::new("spans_dropped_total", "Spans that were lost, by cause."),
            &["cause"],
        )?;
        registry.register(Box::new(exported.clone()))?;
        registry.register(Box::new(dropped.clone()))?;
        Ok(Self {
            exported,
            queue_full: dropped.get_metric_with_label_values(&["queue_full"])?,
            not_taken: dropped.get_metric_with_label_values(&["not_taken"])?,
        })
    }
}
