//! What was served: counted in one place, read by `/metrics` and by the reports to the operator.

mod faults;
mod metrics;
mod record;
mod usage;

pub use faults::{Event, Faults};
pub use metrics::{BackendCounters, Metrics};
pub use record::{Outcome, Record};
pub use usage::{Tokens, report};
