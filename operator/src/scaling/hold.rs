//! How requests wait for a model without a ready replica, as routers are told.

use super::board::mode;
use super::start::LONGEST;
use crate::model_deployment::validate::parse_duration;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ScalingMode;
use flotilla_crds::router_config::Hold;

/// Start times are told in steps of this: routers get a new config only when it matters to clients.
const STEP_SECONDS: u64 = 10;

/// None for models whose replicas Flotilla does not decide: nobody may be about to start any.
pub fn hold(object: &ModelDeployment) -> Option<Hold> {
    let scaling = object.spec.scaling.as_ref().filter(|_| mode(object) == Some(ScalingMode::Active))?;
    let defaults = Hold::default();
    let given = scaling.hold.as_ref();
    let timeout = given.and_then(|hold| hold.timeout.as_deref()).and_then(parse_duration);
    let status = object.status.as_ref().and_then(|status| status.scaling.as_ref());
    let longest = u64::try_from(LONGEST.as_secs()).unwrap_or(u64::MAX);
    let start = status.and_then(|status| u64::try_from(status.start_seconds?).ok()).map(|s| s.min(longest));
    Some(Hold {
        max_requests: given.and_then(|hold| hold.max_requests).unwrap_or(defaults.max_requests),
        timeout_ms: timeout.map_or(defaults.timeout_ms, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX)),
        start_ms: start
            .map_or(defaults.start_ms, |seconds| seconds.max(1).div_ceil(STEP_SECONDS) * STEP_SECONDS * 1000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
    fn told(scaling: Value, start_seconds: Option<i32>) -> Option<Hold> {
        hold(
            &serde_json::from_value(json!({
                "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "b"},
                "spec": {"model": {}, "scaling": scaling},
                "status": {"scaling": {"startSeconds": start_seconds}},
            }))
            .unwrap(),
        )
    }

    #[test]
    fn only_models_that_flotilla_starts_are_waited_for() {
        assert_eq!(told(Value::Null, None), None);
        assert_eq!(told(json!({"maxReplicas": 1, "mode": "External"}), None), None);
        assert_eq!(told(json!({"maxReplicas": 1}), None), Some(Hold::default()));
    }

    #[test]
    fn what_the_spec_says_and_what_starts_took() {
        let scaling = json!({"maxReplicas": 1, "hold": {"maxRequests": 0, "timeout": "1m30s"}});
        for (seconds, start_ms) in [(0, 10_000), (10, 10_000), (11, 20_000), (i32::MAX, 3_600_000)] {
            let expected = Hold { max_requests: 0, timeout_ms: 90_000, start_ms };
            assert_eq!(told(scaling.clone(), Some(seconds)), Some(expected));
        }
    }

    #[test]
    fn a_start_that_took_less_than_nothing_is_none() {
        assert_eq!(told(json!({"maxReplicas": 1}), Some(-5)), Some(Hold::default()));
    }
}
