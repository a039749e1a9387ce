//! Why a plan is what it is, in words for people.

use crate::classify::Finding;
use crate::snapshot::{BackendIndex, Policy};
use flotilla_crds::router_config::SpillState;
use std::fmt;

/// One step of a decision. Cheap to record; turned into words only when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Something was found in the request that gives it a class.
    Found(Finding),
    /// Its session had this class before.
    SessionClass(String),
    /// A rule keeps this class in the cluster.
    BoundClass(String),
    /// No rule names this class, and the policy fails closed.
    UnknownClass(String),
    /// The matching rule itself keeps the request in the cluster.
    BoundRule(usize),
    /// The rule matched, but all its targets are across the boundary, or lack the adapter.
    RuleClosed(usize),
    /// The rule gives the route.
    Matched(usize),
    /// No rule matched, or none that matched had an allowed target.
    Default,
    /// The target came out of the weighted draw.
    Drawn {
        /// The target.
        backend: BackendIndex,
        /// Its weight.
        weight: u32,
        /// The sum of the weights that could be drawn.
        total: u64,
        /// Whether the session decided, and not the draw.
        by_session: bool,
    },
    /// The target is left alone for a while.
    Resting {
        /// The target.
        backend: BackendIndex,
        /// Whether for its failures, and not because it asked for it.
        ejected: bool,
    },
    /// Every target is left alone: this one's rest ends first.
    LastResort(BackendIndex),
    /// The target is across the boundary.
    Across(BackendIndex),
    /// The target does not have the adapter that the request names.
    NoAdapter(BackendIndex),
    /// The config says that the target must not be used now.
    Unavailable(BackendIndex),
    /// The model that the request was meant for cannot take it.
    Spilled {
        /// What it was meant for.
        from: BackendIndex,
        /// Where it goes.
        to: BackendIndex,
        /// Why.
        state: SpillState,
        /// How many of a hundred go.
        percent: u8,
    },
    /// The target has no ready endpoint.
    NoEndpoints(BackendIndex),
    /// The prompt does not fit into the target's context window.
    WindowTooSmall {
        /// The target.
        backend: BackendIndex,
        /// Its window in tokens.
        window: u32,
        /// The estimated prompt.
        prompt_tokens: u32,
    },
    /// A budget cannot pay for the target.
    Unpaid {
        /// The target.
        backend: BackendIndex,
        /// The budget's place in the policy.
        budget: usize,
    },
}

impl Reason {
    /// The reason in words, with the policy's names.
    pub fn describe<'a>(&'a self, policy: &'a Policy) -> impl fmt::Display + 'a {
        InWords(self, policy)
    }
}

struct InWords<'a>(&'a Reason, &'a Policy);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Reason as R;
        let Self(reason, policy) = self;
        let rule = |index: usize| policy.rules.get(index).map_or("?", |r| r.name.as_str());
        let backend = |index: usize| policy.backends.get(index).map_or("?", |b| b.name.as_str());
        match reason {
            R::Found(Finding { by, class }) => write!(f, "{by} found: data class {class}"),
            R::SessionClass(class) => write!(f, "data class {class} came up in the session before"),
            R::BoundClass(class) => write!(f, "data class {class} stays in the cluster"),
            R::UnknownClass(class) => {
                write!(f, "data class {class} is named by no rule and stays in the cluster")
            }
            R::BoundRule(index) => write!(f, "rule {} keeps its requests in the cluster", rule(*index)),
            R::RuleClosed(index) => {
                write!(f, "rule {} matched but has no target for this request", rule(*index))
            }
            R::Matched(index) => write!(f, "rule {} matched", rule(*index)),
            R::Default => f.write_str("default route"),
            R::Drawn { backend: index, weight, total, by_session } => {
                let how = if *by_session { "is its session's" } else { "drawn" };
                write!(f, "{} {how} with weight {weight} of {total}", backend(*index))
            }
            R::Resting { backend: index, ejected: true } => {
                write!(f, "{} is left alone after failures", backend(*index))
            }
            R::Resting { backend: index, ejected: false } => {
                write!(f, "{} asked to be left alone", backend(*index))
            }
            R::LastResort(index) => {
                write!(f, "no target is well, and {} is to be tried again first", backend(*index))
            }
            R::Across(index) => write!(f, "{} is outside the cluster", backend(*index)),
            R::NoAdapter(index) => write!(f, "{} does not have the adapter", backend(*index)),
            R::Unavailable(index) => {
                let why = policy.backends.get(*index).and_then(|b| b.unavailable.as_deref());
                write!(f, "{} is unavailable: {}", backend(*index), why.unwrap_or("?"))
            }
            R::Spilled { from, to, state, percent } => {
                let (from, to, state) = (backend(*from), backend(*to), state.as_str());
                write!(f, "{from} spills {percent} of 100 to {to}: {state}")
            }
            R::NoEndpoints(index) => write!(f, "{} has no ready endpoint", backend(*index)),
            R::WindowTooSmall { backend: index, window, prompt_tokens } => {
                write!(f, "{} holds {window} tokens, the prompt has about {prompt_tokens}", backend(*index))
            }
            R::Unpaid { backend: index, budget } => {
                let name = policy.budgets.get(*budget).map_or("?", |b| b.name.as_str());
                write!(f, "budget {name} cannot pay for {}", backend(*index))
            }
        }
    }
}
