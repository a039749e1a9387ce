//! What of a fleet backend's requests goes elsewhere.

use super::BackendIndex;
use flotilla_crds::router_config::SpillState;

/// Part of a backend's requests goes to another one, as far as their data classes let them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spill {
    /// Where to.
    pub to: BackendIndex,
    /// Why.
    pub state: SpillState,
    /// How many of a hundred, from 1 to 100.
    pub percent: u8,
}
