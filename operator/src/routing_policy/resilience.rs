//! The part of a policy that says what to do about failures, for routers. Pure.

use crate::model_deployment::validate::parse_duration;
use flotilla_crds::router_config::{Concurrency, Ejection, Retries};
use flotilla_crds::routing_policy::{ConcurrencySpec, EjectionSpec, RetriesSpec};

/// A duration of the spec in milliseconds; the default if it is absent or, which the schema rules out, none.
pub(super) fn millis(given: Option<&String>, default: u64) -> u64 {
    let given = given.and_then(|text| parse_duration(text));
    given.map_or(default, |duration| u64::try_from(duration.as_millis()).unwrap_or(default))
}

pub(super) fn retries(spec: Option<&RetriesSpec>) -> Retries {
    let defaults = Retries::default();
    let Some(spec) = spec else {
        return defaults;
    };
    Retries {
        budget_percent: spec.budget_percent.unwrap_or(defaults.budget_percent),
        min_per_second: spec.min_per_second.unwrap_or(defaults.min_per_second),
        on_auth: spec.on_auth.unwrap_or(defaults.on_auth),
    }
}

pub(super) fn ejection(spec: Option<&EjectionSpec>) -> Ejection {
    let defaults = Ejection::default();
    let Some(spec) = spec else {
        return defaults;
    };
    Ejection {
        consecutive_failures: spec.consecutive_failures.unwrap_or(defaults.consecutive_failures),
        failure_percent: spec.failure_percent.unwrap_or(defaults.failure_percent),
        min_requests: spec.min_requests.unwrap_or(defaults.min_requests),
        base_ms: millis(spec.base_duration.as_ref(), defaults.base_ms),
        max_ms: millis(spec.max_duration.as_ref(), defaults.max_ms),
    }
}

/// How long a request waits for a place unless the spec says otherwise.
const QUEUE_TIMEOUT_MS: u64 = 10_000;

pub(super) fn concurrency(spec: &ConcurrencySpec) -> Concurrency {
    Concurrency {
        max_requests: spec.max_requests,
        max_queued: spec.max_queued.unwrap_or(0),
        queue_timeout_ms: millis(spec.queue_timeout.as_ref(), QUEUE_TIMEOUT_MS),
    }
}
