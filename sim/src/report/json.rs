//! For programs.

use crate::compare::{Comparison, Row};
use serde_json::{Value, json};

/// One object with a row for each rule.
pub fn json(comparison: &Comparison) -> Value {
    let row = |row: &Row| {
        let outcome = &row.outcome;
        json!({
            "rule": row.rule,
            "target": row.target,
            "attainsGoal": row.attains,
            "requests": outcome.requests(),
            "attainment": outcome.attainment(),
            "p99WaitSeconds": outcome.p99_wait(),
            "gpuHours": outcome.gpu_hours(),
            "changes": outcome.changes(),
            "flaps": outcome.flaps(),
        })
    };
    json!({
        "seconds": comparison.seconds,
        "busyReplicas": comparison.busy,
        "startDelaySeconds": comparison.machine.start_seconds,
        "rules": comparison.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
