//! Where requests go that the fleet cannot take now.

pub use crate::router_config::SpillState;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Requests for a fleet backend go to an external one while its model cannot take them. The model needs spec.scaling,
/// in any mode. Data classes that are bound to the cluster stay, and wait.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpillSpec {
    /// The name of an external entry of spec.backends. Routes that give it the weight 0 never spill.
    #[schemars(length(min = 1, max = 63))]
    pub backend: String,
    /// In which states of the model. Default: in all of them. When it is Saturated, only what is too much goes outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub when: Vec<SpillState>,
}

impl SpillSpec {
    /// Whether requests spill in a state.
    pub fn applies_in(&self, state: SpillState) -> bool {
        self.when.is_empty() || self.when.contains(&state)
    }
}
