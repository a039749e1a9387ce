//! What a user may say about scaling, checked.

use super::Schedule;
use jiff::SignedDuration;

/// How a model is scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Replicas are added when they would be busier than this part of their time.
    pub target_utilization: f64,
    /// Replicas are taken away only if those that stay are no busier than this part of their time.
    pub shrink_utilization: f64,
    /// Replicas are taken away only if they were not needed at any moment of so long.
    pub window: SignedDuration,
    /// The least time between two replicas that go.
    pub cool_down: SignedDuration,
    /// Requests that wait are to be worked off in so long, beside those that come.
    pub catch_up: SignedDuration,
    /// With nothing to do for so long, the last replica goes too. Without it, it stays.
    pub scale_to_zero_after: Option<SignedDuration>,
    /// How long a new replica takes to serve where none was seen to start yet.
    pub start_time: SignedDuration,
    /// Reports older than this are no reports.
    pub stale_after: SignedDuration,
    /// Times at which more replicas are kept.
    pub schedules: Vec<Schedule>,
}

impl Default for Policy {
    /// Utilizations on the safe side: docs/scaling.md says what 90 and 80 % save.
    fn default() -> Self {
        Self {
            target_utilization: 0.85,
            shrink_utilization: 0.70,
            window: SignedDuration::from_mins(5),
            cool_down: SignedDuration::from_secs(10),
            catch_up: SignedDuration::from_mins(5),
            scale_to_zero_after: None,
            start_time: SignedDuration::from_mins(2),
            stale_after: SignedDuration::from_secs(15),
            schedules: Vec::new(),
        }
    }
}

/// Why a policy cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A utilization of nothing, or of more than a replica has.
    #[error("a utilization of {0} cannot be aimed at: give more than 0 % and at most 100 %")]
    Utilization(f64),
    /// What is taken away would be added again at once.
    #[error("replicas that go at {shrink} would come back at {target}: the first must be the smaller one")]
    Crossed {
        /// The utilization below which replicas go.
        shrink: f64,
        /// The utilization above which they come.
        target: f64,
    },
}

impl Policy {
    /// With another target; replicas go at as much below it as by default.
    ///
    /// # Errors
    /// A target outside of (0, 1].
    pub fn with_target(self, target: f64) -> Result<Self, PolicyError> {
        let defaults = Self::default();
        let shrink = target * defaults.shrink_utilization / defaults.target_utilization;
        Self { target_utilization: target, shrink_utilization: shrink, ..self }.validated()
    }

    /// The policy, if it can be carried out.
    ///
    /// # Errors
    /// Utilizations outside of (0, 1], or the lower one above the upper one.
    pub fn validated(self) -> Result<Self, PolicyError> {
        for utilization in [self.target_utilization, self.shrink_utilization] {
            if !(utilization > 0.0 && utilization <= 1.0) {
                return Err(PolicyError::Utilization(utilization));
            }
        }
        if self.shrink_utilization > self.target_utilization {
            return Err(PolicyError::Crossed {
                shrink: self.shrink_utilization,
                target: self.target_utilization,
            });
        }
        Ok(self)
    }
}
