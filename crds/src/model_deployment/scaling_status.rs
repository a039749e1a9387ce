//! What the operator reports of scaling.

use super::EconomicsStatus;
use crate::router_config::SpillState;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The last decision, and what it rests on. Figures are of all `ModelDeployment`s of the served name together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// Prompt and completion tokens per second that clients ask for, over the last minute.
    #[serde(default)]
    pub offered_tokens_per_second: i64,
    /// Tokens of requests that wait.
    #[serde(default)]
    pub backlog_tokens: i64,
    /// Tokens per second, in the present mix, of all replicas that serve or will.
    #[serde(default)]
    pub capacity_tokens_per_second: i64,
    /// Replicas of this object that there should be.
    #[serde(default)]
    pub desired: i32,
    /// Why, in one word. See docs/autoscaling.md.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence with figures.
    #[serde(default)]
    pub message: String,
    /// How long a replica takes to start, in seconds, as seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seconds: Option<i32>,
    /// What replicas were seen to do, which an operator that starts begins with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub learned: Vec<LearnedCapacity>,
    /// Why requests go outside now. Absent: they do not, or no policy has them do so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spill: Option<SpillStatus>,
    /// What the replicas of this object cost, where a GPU's price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub economics: Option<EconomicsStatus>,
    /// The last changes, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub history: Vec<ScalingChange>,
}

/// What one replica was seen to do that was busy all the time, on one GPU product and with answers of one length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LearnedCapacity {
    /// The engine's type.
    pub engine: String,
    /// The product of its GPUs; empty where it has none.
    pub gpu_product: String,
    /// How many tokens answers had on average: UpTo64, UpTo256, UpTo1024 or Longer.
    pub output_length: String,
    /// Prompt tokens per second, if it did nothing else.
    pub prompt_tokens_per_second: i64,
    /// Completion tokens per second over all sequences, if it did nothing else.
    pub completion_tokens_per_second: i64,
    /// How often requests waited all through 20 s, counted to 10. 0: replicas did more than was computed, and nothing
    /// waited.
    pub observations: i32,
}

/// Requests for this object's model go to an external API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpillStatus {
    /// Why.
    pub state: SpillState,
    /// How many of a hundred requests go.
    pub percent: i32,
    /// Since when they go for this reason.
    pub since: Time,
    /// Why, in a sentence with figures, and where they go.
    pub message: String,
}

/// One change of the number of replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingChange {
    /// When it was decided.
    pub time: Time,
    /// Replicas before.
    pub from: i32,
    /// Replicas after.
    pub to: i32,
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence with figures.
    pub message: String,
}
