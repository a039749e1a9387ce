//! Thin steps around the API server, each with a deadline.

mod applier;
mod apply;
mod deadline;
mod events;
mod quantity;
mod status;
mod version;
mod written;

pub use applier::{Applier, Appliers};
pub use apply::{ApplyError, apply, controller_of, delete_if_ours};
pub use deadline::{CALL_DEADLINE, CallError, within};
pub use events::Events;
pub use quantity::{QuantityError, mib, to_mib};
pub use status::{HasConditions, StatusWriter};
pub(crate) use version::version;

/// The field manager of everything but status.
pub const FIELD_MANAGER: &str = "flotilla-operator";
/// The field manager of status.
pub const STATUS_FIELD_MANAGER: &str = "flotilla-operator/status";
