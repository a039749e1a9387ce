//! `spec.scaling` as the decision takes it.

use crate::decide::scale::{Policy, PolicyError, Schedule, ScheduleError};
use crate::model_deployment::validate::parse_duration;
use flotilla_crds::model_deployment::{ScalingSpec, ScheduleSpec};
use jiff::SignedDuration;

/// The last replica goes after so long, unless the spec says otherwise.
const SCALE_TO_ZERO_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What in `spec.scaling` the API server could not tell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidScaling {
    /// A utilization that cannot be aimed at.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A schedule that cannot be read.
    #[error("schedule {name}: {source}")]
    Schedule {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ScheduleError,
    },
}

/// The policy that a spec describes.
///
/// # Errors
/// A time zone that does not exist; the rest the API server has checked.
pub fn policy(spec: &ScalingSpec) -> Result<Policy, InvalidScaling> {
    let defaults = Policy::default();
    let duration = |text: Option<&String>| {
        text.and_then(|text| parse_duration(text)).and_then(|d| SignedDuration::try_from(d).ok())
    };
    let to_zero = duration(spec.scale_to_zero_after.as_ref()).unwrap_or(SCALE_TO_ZERO_AFTER);
    let policy = Policy {
        window: duration(spec.stabilization_window.as_ref()).unwrap_or(defaults.window),
        scale_to_zero_after: (spec.min_replicas == Some(0)).then_some(to_zero),
        schedules: spec.schedules.iter().map(schedule).collect::<Result<_, _>>()?,
        ..defaults
    };
    let target: Option<u8> =
        spec.target_utilization.as_deref().and_then(|text| text.trim_end_matches('%').parse().ok());
    Ok(match target {
        Some(percent) => policy.with_target(f64::from(percent) / 100.0)?,
        None => policy,
    })
}

fn schedule(spec: &ScheduleSpec) -> Result<Schedule, InvalidScaling> {
    let days: Vec<&str> = spec.days.iter().map(|day| day.as_str()).collect();
    let zone = spec.time_zone.as_deref().unwrap_or("UTC");
    Schedule::new(&spec.name, zone, &days, (&spec.start, &spec.end), spec.min_replicas)
        .map_err(|source| InvalidScaling::Schedule { name: spec.name.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(spec: Value) -> Result<Policy, InvalidScaling> {
        policy(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(read(json!({"maxReplicas": 3})).unwrap(), Policy::default());
        let to_zero = read(json!({"maxReplicas": 3, "minReplicas": 0})).unwrap();
        assert_eq!(to_zero.scale_to_zero_after, Some(SCALE_TO_ZERO_AFTER));
    }

    #[test]
    fn every_field_reaches_the_decision() {
        let policy = read(json!({"maxReplicas": 3, "minReplicas": 0, "targetUtilization": "50%",
            "scaleToZeroAfter": "90s", "stabilizationWindow": "1m30s",
            "schedules": [{"name": "office", "timeZone": "Europe/Berlin", "days": ["Mon"], "start": "08:00",
                "end": "18:00", "minReplicas": 2}]}))
        .unwrap();
        assert!((policy.target_utilization - 0.5).abs() < 1e-9);
        assert!(policy.shrink_utilization < 0.5);
        assert_eq!(policy.scale_to_zero_after, Some(SignedDuration::from_secs(90)));
        assert_eq!(policy.window, SignedDuration::from_secs(90));
        assert_eq!(policy.schedules[0].min_replicas, 2);
    }

    #[test]
    fn a_zone_that_does_not_exist_is_named_with_its_schedule() {
        let error = read(json!({"maxReplicas": 3, "schedules": [{"name": "office", "timeZone": "Mars/Base",
            "start": "08:00", "end": "18:00", "minReplicas": 2}]}))
        .unwrap_err();
        assert!(error.to_string().starts_with("schedule office: \"Mars/Base\""), "{error}");
    }
}
