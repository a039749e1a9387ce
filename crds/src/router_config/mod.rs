//! The wire contract between operator and routers: the compiled form of every policy that a router serves.
//!
//! The same document, written as YAML, is what `flotilla-router --config FILE` reads.
//! It is versioned by [`ROUTER_CONFIG_VERSION`]; golden files in `crds/tests` hold its shape.

mod adapter;
mod backend;
mod budget;
mod clients;
mod feature;
mod hold;
mod money;
mod provider;
mod resilience;
mod route;
mod secret;
mod sensitivity;
mod spill;
mod stream;

pub use adapter::{AdapterChoice, FleetAdapter};
pub use backend::{Backend, BackendTarget, Credentials, Endpoint, ExternalTarget, FleetTarget};
pub use budget::{Account, Budget, BudgetError, LEASE_GRACE, Lease, OnExceeded, Period, Spent};
pub use clients::{ClientKey, ClientLimits, Clients};
pub use feature::Feature;
pub use hold::Hold;
pub use money::{MoneyError, NanoUsd, Pricing};
pub use provider::Provider;
pub use resilience::{Concurrency, Ejection, Retries};
pub use route::{Boundary, Match, PromptTokens, Route, Rule, Timeouts, WeightedBackend};
pub use secret::Secret;
pub use sensitivity::{DEFAULT_CLASS_HEADER, Detector, Pattern, Sensitivity};
pub use spill::{Spill, SpillState};
pub use stream::{BackendDemand, BackendUsage, OperatorMessage, RouterMessage, STREAM_PATH, TOKEN_AUDIENCE};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of this document. A router refuses any other, with both versions in its answer.
pub const ROUTER_CONFIG_VERSION: &str = "flotilla.dev/router/v1alpha1";

/// Everything one router needs to answer requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouterConfig {
    /// Always [`ROUTER_CONFIG_VERSION`].
    pub version: String,
    /// Names this content; routers acknowledge it by this name. Empty in hand-written files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The policies attached to this router, oldest first. A model name belongs to one policy.
    pub policies: Vec<Policy>,
}

/// One compiled `RoutingPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// `namespace/name` of the object, or any name in a file.
    pub name: String,
    /// The model names that clients ask for.
    pub models: Vec<String>,
    /// Every target that rules may name.
    pub backends: Vec<Backend>,
    /// Tried in order; the first whose match holds gives the route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// The route of requests that no rule matches.
    pub default: Route,
    /// How the data class of a request is found.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// Who may use it. Absent: whoever reaches the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Clients>,
    /// How much it may spend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Deadlines of one request.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How often a request may be sent again.
    #[serde(default, skip_serializing_if = "resilience::is_default")]
    pub retries: Retries,
    /// When an endpoint that fails is left alone.
    #[serde(default, skip_serializing_if = "resilience::is_default")]
    pub ejection: Ejection,
}

impl RouterConfig {
    /// A config of these policies, named by the hash of their content.
    ///
    /// The hash covers provider keys, so that a changed Secret is a new revision; it is cut to 64 bits of
    /// SHA-256, from which no key can be recovered by guessing without knowing all the rest of the content.
    pub fn new(policies: Vec<Policy>) -> Self {
        let mut config =
            Self { version: ROUTER_CONFIG_VERSION.to_owned(), revision: String::new(), policies };
        config.revision = config.content_hash();
        config
    }

    fn content_hash(&self) -> String {
        // Serialising plain structs with string keys into memory cannot fail; an empty hash would only cost a push.
        let bytes = serde_json::to_vec(&self.policies).unwrap_or_default();
        let prefix =
            Sha256::digest(bytes).iter().take(8).fold(0_u64, |prefix, byte| prefix << 8 | u64::from(*byte));
        format!("{prefix:016x}")
    }
}
