//! The messages on the stream between a router and the operator.
//!
//! A router POSTs to [`STREAM_PATH`] over HTTP/2 with TLS, its projected ServiceAccount token as bearer.
//! Both bodies are newline-delimited JSON and stay open: [`RouterMessage`] up, [`OperatorMessage`] down.

use super::{Feature, Lease, NanoUsd, RouterConfig, Spent};
use serde::{Deserialize, Serialize};

/// The path of the stream on the operator's router port.
pub const STREAM_PATH: &str = "/v1alpha1/routers/stream";

/// The audience that a router's ServiceAccount token is bound to.
pub const TOKEN_AUDIENCE: &str = "routers.flotilla.dev";

/// From a router to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum RouterMessage {
    /// The first message of a stream.
    #[serde(rename_all = "camelCase")]
    Hello {
        /// The router's own version, for the log.
        router_version: String,
        /// The revision it serves now; empty before the first.
        revision: String,
        /// What it understands beyond what every version does.
        #[serde(default)]
        features: Vec<Feature>,
    },
    /// The revision is in force: the next request follows it.
    #[serde(rename_all = "camelCase")]
    Ack {
        /// The config's revision.
        revision: String,
    },
    /// The revision was not taken; the router keeps the one before.
    #[serde(rename_all = "camelCase")]
    Refuse {
        /// The config's revision.
        revision: String,
        /// What is wrong with it, for a person.
        message: String,
    },
    /// What was served since the router started, at most once a second and only when it changed.
    #[serde(rename_all = "camelCase")]
    Usage {
        /// One entry a policy and backend; counts only grow.
        backends: Vec<BackendUsage>,
    },
    /// What is asked of the fleet's models, once a second whether it changed or not: a router that is silent is not
    /// one without demand.
    #[serde(rename_all = "camelCase")]
    Demand {
        /// One entry a policy and fleet backend.
        backends: Vec<BackendDemand>,
    },
    /// What was spent of budgets with leases, and what is needed: at once when a request waits for a lease, otherwise at
    /// most once a second and only when it changed.
    #[serde(rename_all = "camelCase")]
    Spend {
        /// Names the router's process, from its start to its end.
        router: u64,
        /// The accounts.
        accounts: Vec<Spent>,
    },
    /// What a newer router says that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What clients of one router ask of one fleet backend of one policy. A request is offered to the backend that it would
/// have if every replica were ready, so that a model at zero has demand, too. It is in flight where it waits or is
/// answered, and for no backend of the fleet while it is outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendDemand {
    /// The policy's name, as in the config.
    pub policy: String,
    /// The backend's name in it.
    pub backend: String,
    /// Prompt tokens of all requests that came since the router started, by estimate; only grows.
    pub offered_prompt_tokens: u64,
    /// Completion tokens that these are predicted to need; only grows.
    pub offered_completion_tokens: u64,
    /// Prompt tokens of requests that wait in the router, in a queue or for a replica.
    pub waiting_prompt_tokens: u64,
    /// Completion tokens that these are predicted to need.
    pub waiting_completion_tokens: u64,
    /// Requests that wait or are being answered.
    pub in_flight: u32,
    /// Prompt tokens of these.
    pub in_flight_prompt_tokens: u64,
    /// Completion tokens that these are predicted to need.
    pub in_flight_completion_tokens: u64,
    /// Prompt tokens of answers, as its usage reports say; only grows.
    pub served_prompt_tokens: u64,
    /// Completion tokens of answers, likewise.
    pub served_completion_tokens: u64,
}

/// What one backend of one policy served through one router, since that router started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendUsage {
    /// The policy's name, as in the config.
    pub policy: String,
    /// The backend's name in it.
    pub backend: String,
    /// Whether it is an external API.
    pub external: bool,
    /// Requests sent to it, whatever came back. One that fails before its first byte and goes on to another backend
    /// counts for both.
    pub requests: u64,
    /// Of these, without an answer, with an error status, or cut off.
    pub failed: u64,
    /// Prompt tokens, as its usage reports say.
    pub prompt_tokens: u64,
    /// Completion tokens, likewise.
    pub completion_tokens: u64,
    /// What they cost by the policy's pricing.
    pub cost: NanoUsd,
}

/// From the operator to a router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum OperatorMessage {
    /// A config to put in force.
    #[serde(rename_all = "camelCase")]
    Config {
        /// The whole of it; there are no deltas.
        config: RouterConfig,
    },
    /// The answer to what was spent.
    #[serde(rename_all = "camelCase")]
    Leases {
        /// What may be spent.
        leases: Vec<Lease>,
    },
    /// Sent every 10 s, so that a router can tell a dead stream from a quiet one.
    Ping,
}
