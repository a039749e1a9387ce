//! When requests for a fleet backend go outside, and how many of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a model cannot take all that is asked of it. At most one holds at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SpillState {
    /// No replica is wanted: nothing was asked for long enough, or `spec.replicas` is 0.
    ScaledToZero,
    /// No replica serves; one is wanted and has no node yet, though a GPU is free for it.
    Pending,
    /// No replica serves; one has a node and starts.
    Loading,
    /// Replicas serve, and more is asked than they can do.
    Saturated,
    /// No replica serves, since no GPU of the cluster is large enough for one.
    NoFit,
    /// No replica serves, since all GPUs that are large enough are taken.
    NoFreeGPU,
}

impl SpillState {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::ScaledToZero, Self::Pending, Self::Loading, Self::Saturated, Self::NoFit, Self::NoFreeGPU];

    /// The name, as in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScaledToZero => "ScaledToZero",
            Self::Pending => "Pending",
            Self::Loading => "Loading",
            Self::Saturated => "Saturated",
            Self::NoFit => "NoFit",
            Self::NoFreeGPU => "NoFreeGPU",
        }
    }
}

/// Part of a fleet backend's requests goes to another backend now. Data classes that are bound to the cluster stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spill {
    /// The backend of the same policy that they go to.
    pub backend: String,
    /// Why.
    pub state: SpillState,
    /// How many of a hundred requests, from 1 to 100.
    pub percent: u8,
}
