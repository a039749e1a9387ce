//! Conditions: a fixed set per kind, always all present, `Ready` computed from its parts in one place.

mod reasons;
mod set;

pub use reasons::{Reason, documented};
pub use set::{Conditions, Verdict, changed_parts};

/// Condition types of both kinds.
pub mod types {
    /// Everything asked for is there.
    pub const READY: &str = "Ready";
    /// Work is under way (kstatus).
    pub const RECONCILING: &str = "Reconciling";
    /// Only an edit, or a change of the cluster, can help (kstatus).
    pub const STALLED: &str = "Stalled";
    /// The spec can be carried out.
    pub const ACCEPTED: &str = "Accepted";
    /// The GPU memory of a replica is known, and the spec and the model file agree about it.
    pub const SIZED: &str = "Sized";
    /// There is a card that fits.
    pub const PLACEABLE: &str = "Placeable";
    /// The engine runs and has loaded the model.
    pub const MODEL_LOADED: &str = "ModelLoaded";
    /// As many replicas serve as were asked for.
    pub const AVAILABLE: &str = "Available";
    /// Every backend exists and has its key.
    pub const BACKENDS_RESOLVED: &str = "BackendsResolved";
    /// Every connected router follows the policy.
    pub const PROGRAMMED: &str = "Programmed";
}
