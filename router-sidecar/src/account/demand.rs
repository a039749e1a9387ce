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

/// One request: offered to the backend that it is meant for, and in flight where it is, until this is dropped.
#[derive(Debug)]
pub struct Asked {
    /// Where it waits or is answered; absent outside the fleet.
    at: Option<Arc<Demand>>,
    prompt: u64,
    limit: Option<u32>,
    choices: u32,
    /// By the lengths of the backend where it is.
    completion: u64,
    waits: bool,
}

impl Asked {
    /// A request of so many tokens came, for so many choices that may have `limit` tokens each. It is meant for this
    /// backend, or for none of the fleet.
    pub fn of(meant: Option<&Arc<Demand>>, prompt: u64, limit: Option<u32>, choices: u32) -> Self {
        let choices = choices.min(MOST_CHOICES);
        let mut asked = Self { at: None, prompt, limit, choices, completion: 0, waits: false };
        if let Some(meant) = meant {
            asked.enter(meant);
            meant.offered.add(prompt, asked.completion);
        }
        asked
    }

    /// It goes to this backend, or out of the fleet: what is in flight goes with it, what was offered stays.
    pub fn goes_to(&mut self, to: Option<&Arc<Demand>>) {
        let stays = match (&self.at, to) {
            (Some(at), Some(to)) => Arc::ptr_eq(at, to),
            (at, to) => at.is_none() && to.is_none(),
        };
        if stays {
            return;
        }
        self.leave();
        if let Some(to) = to {
            self.enter(to);
        }
    }

    /// Whether it is there.
    pub fn is_at(&self, demand: &Arc<Demand>) -> bool {
        self.at.as_ref().is_some_and(|at| Arc::ptr_eq(at, demand))
    }

    /// Whether it waits in the router now.
    pub fn waits(&mut self, waits: bool) {
        if let Some(at) = &self.at {
            match (self.waits, waits) {
                (false, true) => at.waiting.add(self.prompt, self.completion),
                (true, false) => at.waiting.subtract(self.prompt, self.completion),
                _ => {}
            }
        }
        self.waits = waits;
    }

    fn enter(&mut self, at: &Arc<Demand>) {
        self.completion = at.lengths.expected(self.limit) * u64::from(self.choices);
        at.in_flight.add(self.prompt, self.completion);
        at.requests.fetch_add(1, Ordering::Relaxed);
        if self.waits {
            at.waiting.add(self.prompt, self.completion);
        }
        self.at = Some(Arc::clone(at));
    }

    fn leave(&mut self) {
        let Some(at) = self.at.take() else {
            return;
        };
        if self.waits {
            at.waiting.subtract(self.prompt, self.completion);
        }
        at.in_flight.subtract(self.prompt, self.completion);
        at.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.leave();
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
        let expected = |limit, choices| Asked::of(Some(&demand), 10, limit, choices).completion;
        let one = expected(None, 1);
        assert_eq!((expected(None, 4), expected(Some(100), 3)), (4 * one, 300));
        assert_eq!(expected(Some(1), u32::MAX), u64::from(MOST_CHOICES));
        for _ in 0..1000 {
            demand.answered(4 * 1000, 4);
        }
        let learned = expected(None, 1);
        assert!((500..2000).contains(&learned), "{learned}");
    }

    /// Offered, waiting, in flight: tokens of prompts and completions, and requests.
    fn counts(demand: &Demand) -> [(u64, u64); 3] {
        [demand.offered.get(), demand.waiting.get(), demand.in_flight.get()]
    }

    #[test]
    fn what_is_in_flight_goes_with_the_request_and_what_was_offered_stays() {
        let (one, two) = (Arc::new(Demand::default()), Arc::new(Demand::default()));
        // Answers of the other one are longer.
        (0..1000).for_each(|_| two.answered(3000, 1));
        let none = (0, 0);
        let mut asked = Asked::of(Some(&one), 10, None, 1);
        assert_eq!(counts(&one), [(10, 256), none, (10, 256)]);
        asked.waits(true);
        asked.goes_to(Some(&one));
        assert_eq!(counts(&one), [(10, 256), (10, 256), (10, 256)]);
        asked.goes_to(Some(&two));
        let there = (10, two.lengths.expected(None));
        assert!(there.1 > 1000);
        assert_eq!((counts(&one), counts(&two)), ([(10, 256), none, none], [none, there, there]));
        // What is learned meanwhile does not change what is taken back.
        (0..1000).for_each(|_| two.answered(1, 1));
        asked.goes_to(None);
        asked.waits(false);
        assert_eq!((counts(&two), two.requests.load(Ordering::Relaxed)), ([none; 3], 0));
        asked.goes_to(Some(&one));
        asked.waits(true);
        drop(asked);
        assert_eq!((counts(&one), one.requests.load(Ordering::Relaxed)), ([(10, 256), none, none], 0));
    }

    #[test]
    fn who_is_meant_for_nobody_is_offered_to_nobody() {
        let demand = Arc::new(Demand::default());
        let mut asked = Asked::of(None, 10, Some(5), 2);
        asked.goes_to(Some(&demand));
        assert_eq!(counts(&demand), [(0, 0), (0, 0), (10, 10)]);
    }
}
