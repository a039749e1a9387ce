//! Token counts: as upstreams report them, and as the operator gets them.

use crate::snapshot::{Side, Snapshot};
use flotilla_crds::router_config::{BackendUsage, NanoUsd};
use serde::Deserialize;

/// OpenAI's `usage`. Fields that some engines leave out count as zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Tokens {
    /// Tokens of the prompt, cached ones included.
    #[serde(default, rename = "prompt_tokens")]
    pub prompt: u64,
    /// Tokens generated.
    #[serde(default, rename = "completion_tokens")]
    pub completion: u64,
}

/// What every backend of a snapshot served since this router started.
pub fn report(snapshot: &Snapshot) -> Vec<BackendUsage> {
    let policies = snapshot.policies.iter();
    policies
        .flat_map(|policy| policy.backends.iter().map(move |backend| (policy, backend)))
        .map(|(policy, backend)| BackendUsage {
            policy: policy.name.clone(),
            backend: backend.name.clone(),
            external: backend.side == Side::External,
            requests: backend.counters.requests.get(),
            failed: backend.counters.failed.get(),
            prompt_tokens: backend.counters.prompt_tokens.get(),
            completion_tokens: backend.counters.completion_tokens.get(),
            cost: NanoUsd(backend.counters.cost.get()),
        })
        .collect()
}
