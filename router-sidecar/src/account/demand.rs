//! What is asked of fleet backends, for the operator to scale by: a few atomic additions for each request.

use super::lengths::Lengths;
use crate::snapshot::{Side, Snapshot};
use flotilla_crds::router_config::BackendDemand;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The most choices that are believed, OpenAI's own bound for `n`: a client's number must not become a replica count.
const MOST_CHOICES: u32 = 128;

/// What is asked of one backend; goes on across configs.
#[derive(Debug, Default)]
pub struct Demand {
    offered: Tokens,
    waiting: Tokens,
    in_flight: Tokens,
    requests: AtomicU32,
    lengths: Lengths,
}

#[derive(Debug, Default)]
struct Tokens {
    prompt: AtomicU64,
    completion: AtomicU64,
}

impl Tokens {
    fn add(&self, prompt: u64, completion: u64) {
        self.prompt.fetch_add(prompt, Ordering::Relaxed);
        self.completion.fetch_add(completion, Ordering::Relaxed);
    }

    fn subtract(&self, prompt: u64, completion: u64) {
        self.prompt.fetch_sub(prompt, Ordering::Relaxed);
        self.completion.fetch_sub(completion, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.prompt.load(Ordering::Relaxed), self.completion.load(Ordering::Relaxed))
    }
}

impl Demand {
    /// A request of so many tokens came, for so many choices that may have `limit` tokens each.
    pub fn ask(self: &Arc<Self>, prompt: u64, limit: Option<u32>, choices: u32) -> Asked {
        let completion = self.lengths.expected(limit) * u64::from(choices.min(MOST_CHOICES));
        self.offered.add(prompt, completion);
        self.in_flight.add(prompt, completion);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Asked { demand: Arc::clone(self), prompt, completion, waits: false }
    }

    /// An answer of so many choices had so many tokens.
    pub(super) fn answered(&self, completion: u64, choices: u32) {
        self.lengths.add(completion.div_ceil(u64::from(choices.clamp(1, MOST_CHOICES))));
    }

    fn report(&self, policy: &str, backend: &str, served: (u64, u64)) -> BackendDemand {
        let (offered, waiting, in_flight) = (self.offered.get(), self.waiting.get(), self.in_flight.get());
        BackendDemand {
            policy: policy.to_owned(),
            backend: backend.to_owned(),
            offered_prompt_tokens: offered.0,
            offered_completion_tokens: offered.1,
            waiting_prompt_tokens: waiting.0,
            waiting_completion_tokens: waiting.1,
            in_flight: self.requests.load(Ordering::Relaxed),
            in_flight_prompt_tokens: in_flight.0,
            in_flight_completion_tokens: in_flight.1,
            served_prompt_tokens: served.0,
            served_completion_tokens: served.1,
        }
    }
}

/// One request, in flight until this is dropped.
#[derive(Debug)]
pub struct Asked {
    demand: Arc<Demand>,
    prompt: u64,
    completion: u64,
    waits: bool,
}

impl Asked {
    /// Whether the request waits in the router now.
    pub fn waits(&mut self, waits: bool) {
        match (self.waits, waits) {
            (false, true) => self.demand.waiting.add(self.prompt, self.completion),
            (true, false) => self.demand.waiting.subtract(self.prompt, self.completion),
            _ => {}
        }
        self.waits = waits;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.waits(false);
        self.demand.in_flight.subtract(self.prompt, self.completion);
        self.demand.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is asked of every fleet backend of a snapshot.
pub fn demands(snapshot: &Snapshot) -> Vec<BackendDemand> {
    let policies = snapshot.policies.iter();
    policies
        .flat_map(|policy| policy.backends.iter().map(move |backend| (policy, backend)))
        .filter(|(_, backend)| backend.side == Side::InCluster)
        .map(|(policy, backend)| {
            let counters = &backend.counters;
            let served = (counters.prompt_tokens.get(), counters.completion_tokens.get());
            backend.demand.report(&policy.name, &backend.name, served)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_expected_to_be_as_long_as_those_before() {
        let demand = Arc::new(Demand::default());
        let expected = |limit, choices| demand.ask(10, limit, choices).completion;
        let one = expected(None, 1);
        assert_eq!((expected(None, 4), expected(Some(100), 3)), (4 * one, 300));
        assert_eq!(expected(Some(1), u32::MAX), u64::from(MOST_CHOICES));
        for _ in 0..1000 {
            demand.answered(4 * 1000, 4);
        }
        let learned = expected(None, 1);
        assert!((500..2000).contains(&learned), "{learned}");
    }
}
