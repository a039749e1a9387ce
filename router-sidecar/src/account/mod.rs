//! What was served: counted in one place, read by `/metrics` and by the reports to the operator.

mod attempt;
mod budgets;
mod clients;
mod demand;
mod faults;
mod lengths;
mod metrics;
mod record;
mod span_counters;
mod usage;

pub use attempt::Outcome;
pub use clients::ClientCounters;
pub use demand::{Asked, Demand, demands};
pub use faults::{Event, Faults};
pub use metrics::{BackendCounters, Metrics};
pub use record::{Leg, Record};
pub use usage::{Tokens, report};
