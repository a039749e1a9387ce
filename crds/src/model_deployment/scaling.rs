//! How many replicas there are, by what is asked of the model.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Replicas follow the tokens that clients ask for.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.minReplicas) || self.minReplicas <= self.maxReplicas")
        .message("spec.scaling.minReplicas is above maxReplicas: raise the one or lower the other"),
    validation = Rule::new("has(self.minReplicas) || self.maxReplicas >= 1")
        .message("spec.scaling.minReplicas is 1 unless it is set: set it to 0, or raise maxReplicas"),
    validation = Rule::new("!has(self.scaleToZeroAfter) || (has(self.minReplicas) && self.minReplicas == 0)")
        .message("spec.scaling.scaleToZeroAfter needs minReplicas: 0, else the last replica stays"),
    validation = Rule::new("!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)")
        .message("a schedule keeps more replicas than spec.scaling.maxReplicas allows: raise maxReplicas")
)]
pub struct ScalingSpec {
    /// What becomes of the decision. Default Active. In every other mode spec.replicas counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ScalingMode>,
    /// Replicas that are always there. 0 lets the last one go. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: Option<u32>,
    /// Replicas that are never exceeded.
    #[schemars(range(min = 0, max = 1000))]
    pub max_replicas: u32,
    /// Replicas are added when they would be busier than this part of their time, and taken away when fewer would be
    /// busy for less than 82 % of it. Default 85%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([1-9][0-9]?|100)%$"))]
    pub target_utilization: Option<String>,
    /// With nothing to do for so long the last replica goes, where minReplicas is 0. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("spec.scaling.scaleToZeroAfter must be a duration between 10s and 24h, for example 10m"))]
    pub scale_to_zero_after: Option<String>,
    /// Replicas go only if they were not needed at any moment of so long. Default 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('10s') && duration(self) <= duration('1h')")
        .message("spec.scaling.stabilizationWindow must be a duration between 10s and 1h, for example 5m"))]
    pub stabilization_window: Option<String>,
    /// What becomes of requests while no replica serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldSpec>,
    /// Times at which more replicas are kept, whatever the demand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub schedules: Vec<ScheduleSpec>,
    /// What one replica serves, until it has been seen busy. Default: computed from the GPU and the model's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_capacity: Option<ReplicaCapacity>,
    /// What one GPU costs in an hour, in USD, for example "0.80". Default: the node's label
    /// `flotilla.dev/gpu-hourly-price`, else a price list's (`kubectl flotilla gpus`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 19), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))]
    pub gpu_hourly_price: Option<String>,
}

/// What becomes of a decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum ScalingMode {
    /// It is carried out; spec.replicas is not used.
    #[default]
    Active,
    /// It is shown in status.scaling, and spec.replicas counts.
    Advisory,
    /// It is a metric of the operator. Something else sets spec.replicas by `/scale`: a HorizontalPodAutoscaler or KEDA.
    External,
}

/// How requests wait in a router while no replica serves.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldSpec {
    /// Requests that wait in each router; 0 refuses all with 503 and Retry-After. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub max_requests: Option<u32>,
    /// How long each waits, within the policy's own deadlines. Default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')")
        .message("spec.scaling.hold.timeout must be a duration between 1s and 1h, for example 60s"))]
    pub timeout: Option<String>,
}

/// A window of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Unique in the list.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// By whose clocks, as the IANA database names them: `Europe/Berlin`. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    pub time_zone: Option<String>,
    /// The days on which it begins. Default every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub days: Vec<Weekday>,
    /// When it begins, like 08:00. Replicas are there by then: they are started as long before as starts take.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// When it ends; not after the start means on the next day.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end: String,
    /// Replicas that are kept in it.
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: u32,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
#[schemars(transform = crate::undescribed)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "Mon",
            Self::Tue => "Tue",
            Self::Wed => "Wed",
            Self::Thu => "Thu",
            Self::Fri => "Fri",
            Self::Sat => "Sat",
            Self::Sun => "Sun",
        }
    }
}

/// What one replica serves that is busy all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaCapacity {
    /// Prompt tokens per second, if it did nothing else.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub prompt_tokens_per_second: u32,
    /// Completion tokens per second over all sequences, if it did nothing else.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub completion_tokens_per_second: u32,
}
