//! Parts of a config that a router can do without, so that one of an older version need not refuse the rest.

use super::{BackendTarget, Policy};
use serde::{Deserialize, Serialize};

/// What a router says at the beginning of its stream that it understands. The operator leaves the rest out of what it
/// sends. Only parts belong here without which a router does what it did before there were any: nothing that keeps
/// data in the cluster, or clients out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// [`super::Spill`] of a fleet backend.
    Spill,
    /// A feature of a later version.
    #[serde(other)]
    Unknown,
}

impl Feature {
    /// Those of this version.
    pub const ALL: [Self; 1] = [Self::Spill];
}

impl Policy {
    /// The policy for a router that understands these features.
    #[must_use]
    pub fn for_features(mut self, features: &[Feature]) -> Self {
        if !features.contains(&Feature::Spill) {
            for backend in &mut self.backends {
                if let BackendTarget::Fleet(fleet) = &mut backend.target {
                    fleet.spill = None;
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router_config::RouterMessage;

    fn features(hello: &str) -> Vec<Feature> {
        match serde_json::from_str(hello).unwrap() {
            RouterMessage::Hello { features, .. } => features,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn routers_of_other_versions_are_understood() {
        let before = r#"{"type":"hello","routerVersion":"0.1.0","revision":""}"#;
        assert_eq!(features(before), []);
        let later = r#"{"type":"hello","routerVersion":"9","revision":"","features":["Spill","Teleport"]}"#;
        assert_eq!(features(later), [Feature::Spill, Feature::Unknown]);
    }
}
