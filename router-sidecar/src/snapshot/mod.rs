//! The config in the form that requests read: compiled once, never changed, swapped as a whole.
//!
//! Everything that can be parsed, checked or built beforehand is: URIs, header values, prices, credentials.
//! A request takes one [`Snapshot`] when it arrives and keeps it to its end.

mod backend;
mod compile;
mod credentials;
mod error;
mod health;
mod hold;
mod models;
mod spill;
mod store;

pub use backend::{Adapter, Backend, Endpoint, InFlight, Load, Prices, Side};
pub use error::ConfigError;
pub use health::{Health, Probe};
pub use hold::{Held, HoldRules, Place};
pub(crate) use models::Model;
pub use spill::Spill;
pub use store::{Applied, Store};

use crate::access::Clients;
use crate::budget::Budget;
use crate::classify::{Classifier, Sticky};
use crate::route::{BudgetRules, Draws, EjectionRules, RetryBudget};
use bytes::Bytes;
use flotilla_crds::router_config::{Boundary, PromptTokens};
use http::HeaderName;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// A backend's place in [`Policy::backends`].
pub type BackendIndex = usize;

/// One config in force.
#[derive(Debug)]
pub struct Snapshot {
    /// The config's own name for its content; empty for hand-written files.
    pub revision: String,
    /// In the order of the config.
    pub policies: Vec<Arc<Policy>>,
    by_model: HashMap<Box<str>, Served>,
    model_list: Bytes,
    created: i64,
}

impl Snapshot {
    /// Who answers for a model name.
    pub fn served(&self, model: &str) -> Option<&Served> {
        self.by_model.get(model)
    }

    /// The body of `GET /v1/models`.
    pub fn model_list(&self) -> Bytes {
        self.model_list.clone()
    }

    /// When this config was loaded, in seconds since 1970; what OpenAI calls a model's `created`.
    pub fn created(&self) -> i64 {
        self.created
    }
}

/// What a model name stands for.
#[derive(Debug, Clone)]
pub struct Served {
    /// The policy that claims it.
    pub policy: Arc<Policy>,
    /// The adapter that it names, as `MODEL:ADAPTER` does.
    pub adapter: Option<Arc<str>>,
}

/// One policy, ready to route.
#[derive(Debug)]
pub struct Policy {
    /// The policy's name, as in the config.
    pub name: String,
    /// Every target that routes may name.
    pub backends: Vec<Arc<Backend>>,
    /// Tried in order.
    pub rules: Vec<Rule>,
    /// The route when no rule matches.
    pub default: Route,
    /// The request header that lists data classes.
    pub class_header: HeaderName,
    /// Lower-case classes that some rule keeps in the cluster.
    pub bound_classes: HashSet<String>,
    /// Lower-case classes that any rule names.
    pub named_classes: HashSet<String>,
    /// Whether a class that no rule names is kept in the cluster.
    pub fail_closed: bool,
    /// Finds classes by what is in requests, if the policy asks for it.
    pub classifier: Option<Classifier>,
    /// Classes that sessions have had; it goes on across configs.
    pub sticky: Arc<Sticky>,
    /// Who may use it; absent: whoever reaches the router.
    pub clients: Option<Clients>,
    /// How much it may spend.
    pub budgets: Vec<Budget>,
    /// Deadlines of one request.
    pub timeouts: Timeouts,
    /// The policy's sequence of draws; it goes on across configs.
    pub draws: Arc<Draws>,
    /// What further attempts are paid from; it goes on across configs.
    pub budget: Arc<RetryBudget>,
    /// What the budget takes in.
    pub budget_rules: BudgetRules,
    /// Whether a key that is not accepted leads to the next target.
    pub failover_on_auth: bool,
    /// When an endpoint is left alone.
    pub ejection: EjectionRules,
}

/// Why a class keeps a request in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A rule binds it.
    Bound,
    /// No rule names it, and the policy fails closed.
    Unknown,
}

impl Policy {
    /// Whether a class, in lower case, keeps a request in the cluster, and why.
    pub fn keeps(&self, class: &str) -> Option<Kept> {
        if self.bound_classes.contains(class) {
            Some(Kept::Bound)
        } else if self.fail_closed && !self.named_classes.contains(class) {
            Some(Kept::Unknown)
        } else {
            None
        }
    }
}

/// One rule, ready to match.
#[derive(Debug)]
pub struct Rule {
    /// The rule's name.
    pub name: String,
    /// Lower-case classes, any of which matches; empty matches every request.
    pub classes: Vec<String>,
    /// The range of prompt lengths that matches; absent matches every length.
    pub prompt_tokens: Option<PromptTokens>,
    /// How far a request that this rule matches may travel.
    pub boundary: Boundary,
    /// Where it goes.
    pub route: Route,
}

/// A weighted choice and what follows it.
#[derive(Debug, Default)]
pub struct Route {
    /// Backends with their weights; none is zero, none is there twice.
    pub weighted: Vec<(BackendIndex, u32)>,
    /// Tried in this order after the drawn one.
    pub fallback: Vec<BackendIndex>,
    /// Backends with the weight 0: never in this route.
    pub never: Vec<BackendIndex>,
    /// Whether slow requests are sent once more.
    pub hedge: bool,
    /// Whether streams that break off are continued.
    pub continuation: bool,
}

/// Deadlines of one request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To the first event of a streamed answer, per target tried.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub idle: Duration,
    /// From the request's arrival to the end of its answer.
    pub total: Duration,
}
