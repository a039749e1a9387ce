//! The ways onto a GPU.

use std::fmt;

/// How replicas get their GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Whole GPUs, or shares of them, by the labels of nodes and the resource `nvidia.com/gpu`.
    NodeLabels,
    /// Partitions. Without a profile: of nodes all of whose GPUs are partitioned alike, where `nvidia.com/gpu` counts
    /// partitions (strategy `single`). With one: of nodes that have a resource for each profile (`mixed`).
    Mig {
        /// For example `1g.10gb`, as the resource's name has it.
        profile: Option<String>,
    },
    /// Devices that a DRA driver publishes, by claims.
    Dra,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeLabels => f.write_str("NodeLabels"),
            Self::Mig { profile: None } => f.write_str("MIG"),
            Self::Mig { profile: Some(profile) } => write!(f, "MIG {profile}"),
            Self::Dra => f.write_str("DRA"),
        }
    }
}

impl Mode {
    /// Compute slices of a partition of this profile, `3` of `3g.20gb`; none where no profile is named.
    pub(super) fn slices(&self) -> Option<u32> {
        let Self::Mig { profile: Some(profile) } = self else {
            return None;
        };
        profile.split_once('g')?.0.parse().ok()
    }
}
