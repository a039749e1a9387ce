//! How many replicas a model gets: offered tokens against what replicas can do.
//!
//! Demand and capacity meet in one unit, the work of a replica: a token costs the time that a saturated replica
//! spends on it ([`Capacity`]). Offered work over a target is the least that must be there, the largest offered work
//! of a window over a lower target is the most that may stay ([`Scaler`]). Everything else moves that wish:
//! schedules, bounds, free GPUs. Where reports are missing nothing is taken away.

mod band;
mod capacity;
mod decision;
mod demand;
mod direct;
mod history;
mod load;
mod peak;
mod policy;
mod scaler;
mod schedule;
#[cfg(test)]
mod tests;
mod trend;
mod variant;

pub use capacity::{
    Book, Capacity, Efficiency, Key, Learned, Meter, Observation, OutputLength, Shape, UnknownGeneration,
    roofline,
};
pub use decision::{Decision, Figures, Reason};
pub use demand::{Demand, Tokens};
pub use direct::{Asked, Direct, Engines};
pub use history::{Change, History};
pub use policy::{Policy, PolicyError};
pub use scaler::{Scaler, Situation};
pub use schedule::{Schedule, ScheduleError};
pub use variant::{Supply, Variant};
