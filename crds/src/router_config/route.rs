//! Which target a request may go to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule: a condition and the route it gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Unique in the policy; named in metrics and decisions.
    pub name: String,
    /// All given parts must hold.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Where matching requests go.
    pub route: Route,
    /// With `InCluster`, every data class in `match` is kept in the cluster by the whole policy,
    /// whichever rule gives the route.
    #[serde(default)]
    pub boundary: Boundary,
}

/// The condition of a rule. An empty match holds for every request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// Holds when the request has any of these classes (compared without case).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_classes: Vec<String>,
    /// Holds when the estimated prompt length is in this range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<PromptTokens>,
}

/// A range of prompt lengths in tokens. At least one end is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromptTokens {
    /// Prompts of more tokens than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_than: Option<u32>,
    /// Prompts of at most this many tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u32>,
}

/// How far a request may travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Boundary {
    /// Any backend of the policy.
    #[default]
    Anywhere,
    /// Fleet backends only, on every leg.
    InCluster,
}

/// A weighted choice, and what to try when the choice fails before its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The first target is drawn from these by weight.
    pub backends: Vec<WeightedBackend>,
    /// Tried in this order after the drawn one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// Whether a streamed request whose first content takes longer than 19 of 20 do is sent once more, to another
    /// endpoint or to the first of the further targets that is well, has room and has not failed it: the faster one
    /// answers, the other one is called off. Its prompt is paid twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hedge: bool,
    /// Whether a stream that breaks off after its first content is continued by another fleet endpoint of the route,
    /// which gets what was already sent as the beginning of its answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continuation: bool,
}

/// A backend's share of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WeightedBackend {
    /// A backend of the same policy.
    pub name: String,
    /// Relative to the sum of the route's weights; 0 means never.
    #[serde(default = "full_weight")]
    pub weight: u32,
}

const fn full_weight() -> u32 {
    100
}

/// Deadlines of one request, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Timeouts {
    /// To the first event of a streamed answer, per target tried. An answer that is not streamed comes whole, so
    /// only `totalMs` bounds it.
    pub first_token_ms: u64,
    /// Between two pieces of a stream.
    pub idle_ms: u64,
    /// From the request's arrival to the end of its answer.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_token_ms: 60_000, idle_ms: 60_000, total_ms: 600_000 }
    }
}
