//! Which target a request may go to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule: a condition and the route it gives.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.boundary) || self.boundary != 'InCluster' || has(self.match.dataClasses)")
        .message("boundary InCluster binds data classes: name them in the rule's match.dataClasses")
)]
pub struct RuleSpec {
    /// Unique in the policy; named in metrics and decisions.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// All given parts must hold.
    #[serde(rename = "match")]
    pub matches: MatchSpec,
    /// Where matching requests go.
    pub route: RouteSpec,
    /// With InCluster, the data classes in match never leave the cluster, whichever rule gives the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<BoundarySpec>,
}

/// The condition of a rule.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.dataClasses) || has(self.promptTokens)")
        .message("a rule that matches everything belongs in spec.default: set match.dataClasses or match.promptTokens")
)]
pub struct MatchSpec {
    /// Holds when the request has any of these classes, for example PHI. Compared without case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))
    )]
    pub data_classes: Vec<String>,
    /// Holds when the estimated prompt length is in this range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<PromptTokensSpec>,
}

/// A range of prompt lengths, in tokens.
#[derive(KubeSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.moreThan) || has(self.atMost)")
        .message("match.promptTokens is empty: set moreThan, atMost or both"),
    validation = Rule::new("!has(self.moreThan) || !has(self.atMost) || self.moreThan < self.atMost")
        .message("match.promptTokens can never hold: moreThan must be below atMost")
)]
pub struct PromptTokensSpec {
    /// Prompts of more tokens than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000_000))]
    pub more_than: Option<u32>,
    /// Prompts of at most this many tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub at_most: Option<u32>,
}

/// How far a request may travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum BoundarySpec {
    /// Any backend of the policy.
    #[default]
    Anywhere,
    /// Fleet backends only.
    InCluster,
}

/// A weighted choice, and what to try when the choice fails before its first byte.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.backends.exists(b, !has(b.weight) || b.weight > 0)")
        .message("all weights of the route are 0, so no request could go anywhere: give one backend a weight above 0")
)]
pub struct RouteSpec {
    /// The first target is drawn from these by weight.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub backends: Vec<WeightedBackendSpec>,
    /// Tried in this order after the drawn one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub fallback: Vec<String>,
    /// Whether a streamed request whose first content takes longer than 19 of 20 do is sent once more, to another
    /// endpoint or to the first of the further targets that is well, has room and has not failed it: the faster one
    /// answers, the other one is called off. Its prompt is paid twice.
    /// Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<bool>,
    /// Whether a stream that breaks off after its first content is continued by another fleet endpoint of the route,
    /// which gets what was already sent as the beginning of its answer. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation: Option<bool>,
}

/// A backend's share of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightedBackendSpec {
    /// The name of an entry of spec.backends.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Relative to the sum of the route's weights; 0 means never. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: Option<u32>,
}

/// Deadlines of one request.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutsSpec {
    /// To the first content of a streamed answer, for each attempt; an answer in one piece is bounded by total alone.
    /// Default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("spec.timeouts.firstToken must be a duration between 100ms and 1h, for example 30s"))]
    pub first_token: Option<String>,
    /// Between two pieces of an answer. Default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("spec.timeouts.idle must be a duration between 100ms and 1h, for example 30s"))]
    pub idle: Option<String>,
    /// From arrival to the end of the answer. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('24h')")
        .message("spec.timeouts.total must be a duration between 100ms and 24h, for example 10m"))]
    pub total: Option<String>,
}
