//! The figures of scaling as metrics, for dashboards and for other autoscalers.

use crate::decide::scale::Engines;
use prometheus::{GaugeVec, Opts, Registry};

/// The labels: `model` is the served name, so that there are as many series as models.
const LABELS: &[&str] = &["namespace", "model"];

/// One gauge for each figure.
#[derive(Clone)]
pub struct Gauges([GaugeVec; GAUGES.len()]);

/// The figures of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Row {
    /// None while nobody has said enough to tell, and the other figures of demand while nobody says anything: another
    /// autoscaler holds where a figure is absent, and takes replicas away where it is 0.
    pub(super) offered: Option<f64>,
    pub(super) backlog: Option<f64>,
    pub(super) capacity: f64,
    pub(super) desired: f64,
    pub(super) spill: f64,
    pub(super) in_flight: Option<f64>,
    pub(super) served: Option<f64>,
    /// None where engines say nothing.
    pub(super) engines: Option<Engines>,
}

const GAUGES: [(&str, &str); 9] = [
    (
        "flotilla_operator_scaling_offered_tokens_per_second",
        "Prompt and completion tokens that clients ask for, on average over the last minute; absent until routers or \
         engines have reported for ten seconds.",
    ),
    (
        "flotilla_operator_scaling_backlog_tokens",
        "Tokens of requests that wait; absent where neither routers nor engines report.",
    ),
    (
        "flotilla_operator_scaling_capacity_tokens_per_second",
        "Tokens of the present mix that the replicas do which serve or will.",
    ),
    ("flotilla_operator_scaling_desired_replicas", "Replicas that there should be by the decision."),
    (
        "flotilla_operator_scaling_spill_percent",
        "Requests of a hundred that go to an external API, since the model cannot take them.",
    ),
    (
        "flotilla_operator_scaling_in_flight_requests",
        "Requests that wait or are being answered; absent where neither routers nor engines report.",
    ),
    (
        "flotilla_operator_scaling_served_tokens_per_second",
        "Prompt and completion tokens that replicas served in the last second; absent likewise.",
    ),
    (
        "flotilla_operator_scaling_engine_tokens_per_second",
        "Prompt and completion tokens that engines say they worked on; absent where they say nothing.",
    ),
    ("flotilla_operator_scaling_engine_waiting_requests", "Requests that wait in engines, as they say."),
];

impl Row {
    /// In the order of the gauges.
    fn figures(self) -> [Option<f64>; GAUGES.len()] {
        let Self { offered, backlog, capacity, desired, spill, in_flight, served, engines } = self;
        let engines_served = engines.map(|engines| engines.served.prompt + engines.served.completion);
        let waiting = engines.map(|engines| engines.waiting);
        let [capacity, desired, spill] = [capacity, desired, spill].map(Some);
        [offered, backlog, capacity, desired, spill, in_flight, served, engines_served, waiting]
    }
}

impl Gauges {
    /// Registers all of them.
    ///
    /// # Errors
    /// Another metric has one of the names.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |(name, help): (&str, &str)| {
            let gauge = GaugeVec::new(Opts::new(name, help), LABELS)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let [offered, backlog, capacity, desired, spill, in_flight, served, engines_served, waiting] = GAUGES;
        Ok(Self([
            gauge(offered)?,
            gauge(backlog)?,
            gauge(capacity)?,
            gauge(desired)?,
            gauge(spill)?,
            gauge(in_flight)?,
            gauge(served)?,
            gauge(engines_served)?,
            gauge(waiting)?,
        ]))
    }

    /// Shows a row where `before` was shown. Only what differs is looked up: most figures are those of a second before.
    pub(super) fn set(&self, namespace: &str, model: &str, before: Option<Row>, row: Row) {
        let before = before.map(Row::figures);
        let before = before.map_or([None; GAUGES.len()], |figures| figures.map(Some));
        for ((gauge, value), before) in self.0.iter().zip(row.figures()).zip(before) {
            match value {
                _ if before == Some(value) => {}
                Some(value) => gauge.with_label_values(&[namespace, model]).set(value),
                // Removing what is not there is an error that does not matter.
                None => drop(gauge.remove_label_values(&[namespace, model])),
            }
        }
    }

    pub(super) fn remove(&self, namespace: &str, model: &str) {
        for gauge in &self.0 {
            // Removing what is not there is an error that does not matter.
            let _ = gauge.remove_label_values(&[namespace, model]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::scale::Tokens;

    /// The figures of the one model there is.
    fn shown(registry: &Registry) -> Vec<(String, f64)> {
        let families = registry.gather();
        let of = |family: &prometheus::proto::MetricFamily| {
            let name = family.name().trim_start_matches("flotilla_operator_scaling_").to_owned();
            family.get_metric().first().map(|metric| (name, metric.get_gauge().get_value()))
        };
        families.iter().filter_map(of).collect()
    }

    #[test]
    fn what_is_shown_is_the_last_row_whatever_was_before() {
        let engines = |served| Engines { served: Tokens::new(served, 0.0), ..Engines::default() };
        let row = Row { offered: Some(1.0), in_flight: Some(0.0), desired: 2.0, ..Row::default() };
        let rows = [
            row,
            Row { offered: Some(3.0), ..row },
            Row { offered: None, engines: Some(engines(4.0)), ..row },
            Row { offered: Some(3.0), engines: Some(engines(5.0)), ..row },
            row,
        ];
        let registry = Registry::new();
        let gauges = Gauges::new(&registry).unwrap();
        let mut before = None;
        for row in rows {
            gauges.set("apps", "m", before.replace(row), row);
            let alone = Registry::new();
            Gauges::new(&alone).unwrap().set("apps", "m", None, row);
            assert_eq!(shown(&registry), shown(&alone));
        }
        gauges.remove("apps", "m");
        assert_eq!(shown(&registry), []);
        gauges.set("apps", "m", None, row);
        assert_eq!(shown(&registry).len(), 5, "what is known");
    }
}
