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

    /// Carries out the steps of an object's reconcile, within a deadline and counted; for as long as this replica may
    /// write. The next leader does all of it anew, and what this one would write may be old by then.
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
        let result = tokio::select! {
            biased;
            () = self.leadership.clone().lost() => return Ok(Action::await_change()),
            result = tokio::time::timeout(DEADLINE, steps) => result.unwrap_or(Err(ReconcileError::TimedOut)),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use flotilla_crds::ModelDeployment;
    use kube::core::error_boundary::InvalidObject;
    use serde_json::{Value, json};

    fn turns(leads: bool) -> Turns {
        Turns {
            leadership: Leadership::always(leads),
            metrics: Metrics::new().unwrap(),
            backoff: Backoff::default(),
        }
    }

    fn object(deleted: &Value) -> DeserializeGuard<ModelDeployment> {
        let object = json!({"apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "spec": {"model": {}},
            "metadata": {"name": "tiny", "namespace": "apps", "deletionTimestamp": deleted}});
        DeserializeGuard(Ok(serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn the_leader_reconciles_what_stays_and_can_be_read() {
        let (there, going) = (object(&Value::Null), object(&json!("2026-01-05T01:00:00Z")));
        let invalid = InvalidObject { error: "no spec".to_owned(), metadata: there.meta().clone() };
        let unreadable = DeserializeGuard(Err(invalid));
        for (leads, object, due) in
            [(true, &there, true), (false, &there, false), (true, &going, false), (true, &unreadable, false)]
        {
            assert_eq!(turns(leads).due(object).is_some(), due, "leads: {leads}, {object:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn steps_that_do_not_end_are_an_error_that_is_tried_again_and_each_end_is_counted() {
        let (turns, guard) = (turns(true), object(&Value::Null));
        let there = turns.due(&guard).unwrap();
        let failed = turns.take(there, std::future::pending()).await.unwrap_err();
        assert_eq!(failed.to_string(), "the reconcile took more than 60 s");
        assert_ne!(turns.again(&guard, &failed), Action::await_change());
        let lost = Turns { leadership: Leadership::always(false), ..self::turns(true) };
        let given_up = lost.take(there, std::future::pending()).await;
        assert_eq!(given_up.unwrap(), Action::await_change(), "who may not write any more leaves it");
        let done = turns.take(there, std::future::ready(Ok(Action::await_change()))).await;
        assert_eq!(done.unwrap(), Action::await_change());
        let text = turns.metrics.text(0, true).unwrap();
        for outcome in ["error", "success"] {
            let line = format!(
                "flotilla_operator_reconciles_total{{kind=\"ModelDeployment\",outcome=\"{outcome}\"}} 1\n"
            );
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
