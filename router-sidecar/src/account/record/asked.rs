//! What a request is of the demand for fleet backends.

use super::Record;
use crate::account::Asked;
use crate::snapshot::{BackendIndex, Policy, Side};
use std::sync::Arc;

impl Record {
    /// The request is demand for this fleet backend, if it is meant for one. A later plan of the same request changes
    /// nothing.
    pub fn asks(&mut self, meant: Option<BackendIndex>, limit: Option<u32>, choices: u32) {
        self.choices = choices;
        if self.asked.is_none() {
            let meant = meant.and_then(|meant| self.policy.backends.get(meant));
            let meant = meant.map(|backend| &backend.demand);
            self.asked = Some(Asked::of(meant, self.prompt_estimate.into(), limit, choices));
        }
    }

    /// Whether the request waits in the router now.
    pub fn waits(&mut self, waits: bool) {
        if let Some(asked) = &mut self.asked {
            asked.waits(waits);
        }
    }

    /// From now on it waits at this target, or is answered by it: it is load on this one, wherever it was meant for.
    pub fn goes_to(&mut self, target: BackendIndex) {
        if let Some(asked) = &mut self.asked {
            let backend = self.policy.backends.get(target).filter(|backend| backend.side == Side::InCluster);
            asked.goes_to(backend.map(|backend| &backend.demand));
        }
    }

    /// The leg that there is has the request.
    pub(super) fn goes_to_its_leg(&mut self) {
        if let Some(attempt) = &self.attempt {
            self.goes_to(attempt.backend);
        }
    }

    /// Another config is in force: from now on its policy decides. Only before the first attempt.
    pub fn follows(&mut self, policy: Arc<Policy>) {
        // Where it waits may be gone: then its next plan says anew where it is meant for.
        let known = |asked: &Asked| policy.backends.iter().any(|backend| asked.is_at(&backend.demand));
        self.asked = self.asked.take().filter(known);
        self.policy = policy;
    }
}
