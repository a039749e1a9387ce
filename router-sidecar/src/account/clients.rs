//! What each client of a policy took, in tokens and money.
//!
//! Clients are those of the config, and no policy has more than [`NAMED`] of them with a label of their own: the others
//! share one.

use crate::access::Clients;
use crate::snapshot::Snapshot;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use std::collections::HashSet;

/// Clients of a policy that are told apart, in the order of the config.
pub(crate) const NAMED: usize = 100;
/// The label of all others.
const OTHERS: &str = "(others)";

/// Counters of one client, or of all that share a label.
#[derive(Debug, Clone)]
pub struct ClientCounters {
    tokens: IntCounter,
    cost: IntCounter,
    label: String,
}

impl ClientCounters {
    /// A request took so many tokens and nano-dollars.
    pub(super) fn add(&self, tokens: u64, cost: u64) {
        self.tokens.inc_by(tokens);
        self.cost.inc_by(cost);
    }
}

/// The counters of all clients.
#[derive(Debug)]
pub(crate) struct ClientMetrics {
    tokens: IntCounterVec,
    cost: IntCounterVec,
    known: Mutex<HashSet<(String, String)>>,
}

impl ClientMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str| {
            let vec = IntCounterVec::new(Opts::new(name, help), &["policy", "client"])?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        Ok(Self {
            tokens: vec("client_tokens_total", "Tokens of prompts and answers, by client.")?,
            cost: vec(
                "client_cost_nano_usd_total",
                "Cost by the policy's pricing, in 10^-9 USD, by client.",
            )?,
            known: Mutex::default(),
        })
    }

    /// The counters of the client at a place of its policy's list; the same ones for as long as any config names it.
    pub(crate) fn of(
        &self,
        policy: &str,
        client: &str,
        place: usize,
    ) -> Result<ClientCounters, prometheus::Error> {
        let label = if place < NAMED { client } else { OTHERS };
        self.known.lock().insert((policy.to_owned(), label.to_owned()));
        Ok(ClientCounters {
            tokens: self.tokens.get_metric_with_label_values(&[policy, label])?,
            cost: self.cost.get_metric_with_label_values(&[policy, label])?,
            label: label.to_owned(),
        })
    }

    /// Drops the labels of clients that a snapshot does not have.
    pub(super) fn keep_only(&self, snapshot: &Snapshot) {
        let kept: HashSet<(&str, &str)> = snapshot
            .policies
            .iter()
            .flat_map(|policy| {
                policy
                    .clients
                    .iter()
                    .flat_map(Clients::iter)
                    .map(|client| (policy.name.as_str(), client.counters.label.as_str()))
            })
            .collect();
        self.known.lock().retain(|(policy, client)| {
            let keep = kept.contains(&(policy.as_str(), client.as_str()));
            if !keep {
                // Removing what is not there is an error we do not mind.
                drop(self.tokens.remove_label_values(&[policy.as_str(), client.as_str()]));
                drop(self.cost.remove_label_values(&[policy.as_str(), client.as_str()]));
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_clients_there_are_labels_are_bounded() {
        let registry = Registry::new();
        let metrics = ClientMetrics::new(&registry).unwrap();
        for place in 0..NAMED + 50 {
            metrics.of("p", &format!("client-{place}"), place).unwrap().add(2, 3);
        }
        let family =
            registry.gather().into_iter().find(|family| family.name() == "client_tokens_total").unwrap();
        assert_eq!(family.get_metric().len(), NAMED + 1);
        assert_eq!(metrics.tokens.with_label_values(&["p", OTHERS]).get(), 100);
        assert_eq!(metrics.cost.with_label_values(&["p", "client-7"]).get(), 3);
    }
}
