//! What both controllers do around the steps of a reconcile: whose turn it is, how long it takes at most, and when it is
//! tried again.

use super::Backoff;
use crate::kube_ext::{ApplyError, CallError};
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::routing_policy::ObjectKey;
use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use std::time::Duration;

/// A whole reconcile takes no longer.
const DEADLINE: Duration = Duration::from_mins(1);

/// Why a reconcile is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// Reading or writing a child failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Writing status failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It took too long as a whole.
    #[error("the reconcile took more than {} s", DEADLINE.as_secs())]
    TimedOut,
}

/// The reconciles of one kind of object.
pub struct Turns {
    /// Whether this replica may write.
    pub leadership: Leadership,
    /// Counts reconciles.
    pub metrics: Metrics,
    /// Per-object delays.
    pub backoff: Backoff,
}

impl Turns {
    /// The object, if it is to be reconciled: by the leader, while it stays, and if it can be read. Children of one that
    /// goes are garbage-collected.
    pub fn due<'a, K>(&self, object: &'a DeserializeGuard<K>) -> Option<&'a K>
    where
        K: Resource<DynamicType = ()>,
    {
        if !self.leadership.is_leader() {
            return None;
        }
        match &object.0 {
            Ok(object) if object.meta().deletion_timestamp.is_none() => Some(object),
            Ok(object) => {
                self.backoff.reset(&backoff_key(object));
                None
            }
            Err(invalid) => {
                let kind = K::kind(&());
                tracing::warn!(%kind, name = ?invalid.metadata.name, error = %invalid.error, "an unreadable object is left alone");
                None
            }
        }
    }

    /// Carries out the steps of an object's reconcile, within a deadline and counted.
    ///
    /// # Errors
    /// What the steps failed with, or that they took too long.
    pub async fn take<K>(
        &self,
        object: &K,
        steps: impl Future<Output = Result<Action, ReconcileError>>,
    ) -> Result<Action, ReconcileError>
    where
        K: Resource<DynamicType = ()>,
    {
        let kind = K::kind(&());
        let timer = self.metrics.reconcile(&kind);
        let result = tokio::time::timeout(DEADLINE, steps).await.unwrap_or(Err(ReconcileError::TimedOut));
        timer.done(result.is_ok());
        if result.is_ok() {
            self.backoff.reset(&backoff_key(object));
        }
        result
    }

    /// When a reconcile that failed is tried again: by exponential back-off with jitter, per object.
    pub fn again<K>(&self, object: &DeserializeGuard<K>, error: &ReconcileError) -> Action
    where
        K: Resource<DynamicType = ()>,
    {
        let delay = self.backoff.next(&backoff_key(object));
        let (kind, name) = (K::kind(&()), &object.meta().name);
        tracing::warn!(%kind, ?name, %error, ?delay, "reconcile failed; tried again");
        Action::requeue(delay)
    }
}

fn backoff_key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{}/{}", K::kind(&()), ObjectKey::of(object))
}
