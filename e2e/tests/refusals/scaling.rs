//! Rows for `spec.scaling` of a `ModelDeployment`.

use super::model_deployment::LLAMA;
use super::{Row, refused, taken};
use serde_json::{Value, json};

fn scaling(changes: Value) -> Value {
    let mut scaling = json!({"maxReplicas": 4});
    super::merge(&mut scaling, &changes);
    json!({"spec": {"scaling": scaling}})
}

fn schedule(changes: Value) -> Value {
    let mut schedule = json!({"name": "office", "timeZone": "Europe/Berlin", "days": ["Mon", "Fri"],
        "start": "08:00", "end": "18:00", "minReplicas": 2});
    super::merge(&mut schedule, &changes);
    scaling(json!({"schedules": [schedule]}))
}

pub fn rows() -> Vec<Row> {
    vec![
        taken(LLAMA, "an upper bound alone", scaling(json!({}))),
        refused(
            LLAMA,
            "no upper bound",
            scaling(json!({"maxReplicas": null})),
            "spec.scaling.maxReplicas: Required",
        ),
        taken(LLAMA, "as many at least as at most", scaling(json!({"minReplicas": 4}))),
        refused(
            LLAMA,
            "more at least than at most",
            scaling(json!({"minReplicas": 5})),
            "spec.scaling.minReplicas is above maxReplicas",
        ),
        taken(LLAMA, "none at all", scaling(json!({"minReplicas": 0, "maxReplicas": 0}))),
        refused(
            LLAMA,
            "one at least by default, none at most",
            scaling(json!({"maxReplicas": 0})),
            "spec.scaling.minReplicas is 1 unless it is set",
        ),
        taken(LLAMA, "to zero", scaling(json!({"minReplicas": 0, "scaleToZeroAfter": "10m"}))),
        refused(
            LLAMA,
            "to zero and one at least",
            scaling(json!({"minReplicas": 1, "scaleToZeroAfter": "10m"})),
            "spec.scaling.scaleToZeroAfter needs minReplicas: 0",
        ),
        refused(
            LLAMA,
            "to zero at once",
            scaling(json!({"minReplicas": 0, "scaleToZeroAfter": "9s"})),
            "must be a duration between 10s and 24h",
        ),
        taken(LLAMA, "a utilization of all", scaling(json!({"targetUtilization": "100%"}))),
        refused(LLAMA, "a utilization of none", scaling(json!({"targetUtilization": "0%"})), "should match"),
        taken(LLAMA, "a window of an hour", scaling(json!({"stabilizationWindow": "1h"}))),
        refused(
            LLAMA,
            "a window of a day",
            scaling(json!({"stabilizationWindow": "24h"})),
            "spec.scaling.stabilizationWindow must be a duration between 10s and 1h",
        ),
        taken(LLAMA, "nobody waits", scaling(json!({"hold": {"maxRequests": 0, "timeout": "1s"}}))),
        refused(
            LLAMA,
            "a wait without an end",
            scaling(json!({"hold": {"timeout": "0s"}})),
            "spec.scaling.hold.timeout must be a duration between 1s and 1h",
        ),
        taken(LLAMA, "office hours", schedule(json!({}))),
        refused(
            LLAMA,
            "office hours for more than there may be",
            schedule(json!({"minReplicas": 5})),
            "a schedule keeps more replicas than spec.scaling.maxReplicas allows",
        ),
        refused(LLAMA, "a day by its whole name", schedule(json!({"days": ["Monday"]})), "Unsupported value"),
        refused(LLAMA, "an hour that no day has", schedule(json!({"start": "24:00"})), "should match"),
        taken(LLAMA, "advice alone", scaling(json!({"mode": "Advisory"}))),
        refused(
            LLAMA,
            "a mode in lower case",
            scaling(json!({"mode": "active"})),
            r#"supported values: "Active""#,
        ),
        taken(
            LLAMA,
            "a capacity",
            scaling(
                json!({"replicaCapacity": {"promptTokensPerSecond": 900, "completionTokensPerSecond": 90}}),
            ),
        ),
        taken(LLAMA, "a price", scaling(json!({"gpuHourlyPrice": "0.80"}))),
        refused(LLAMA, "a price with a sign", scaling(json!({"gpuHourlyPrice": "$0.80"})), "should match"),
        refused(
            LLAMA,
            "no capacity",
            scaling(
                json!({"replicaCapacity": {"promptTokensPerSecond": 0, "completionTokensPerSecond": 90}}),
            ),
            "greater than or equal to 1",
        ),
    ]
}
