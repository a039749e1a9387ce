//! Rows for `spec.placement` of a `ModelDeployment`: which GPUs, and how.

use super::model_deployment::LLAMA;
use super::{Row, refused, taken};
use serde_json::{Value, json};

fn placement(placement: Value) -> Value {
    json!({"spec": {"placement": placement}})
}

pub fn rows() -> Vec<Row> {
    vec![
        taken(LLAMA, "a mode", placement(json!({"mode": "NodeLabels"}))),
        refused(
            LLAMA,
            "a mode in lower case",
            placement(json!({"mode": "auto"})),
            r#"supported values: "Auto""#,
        ),
        taken(LLAMA, "eight GPUs", placement(json!({"gpusPerReplica": 8}))),
        refused(LLAMA, "no GPU", placement(json!({"gpusPerReplica": 0})), "greater than or equal to 1"),
        refused(
            LLAMA,
            "more than a node has",
            placement(json!({"gpusPerReplica": 9})),
            "less than or equal to 8",
        ),
        taken(LLAMA, "a share", placement(json!({"sharing": "Shared", "gpusPerReplica": 1}))),
        refused(
            LLAMA,
            "shares of two GPUs",
            placement(json!({"sharing": "Shared", "gpusPerReplica": 2})),
            "a share is of one GPU: leave out spec.placement.gpusPerReplica",
        ),
        taken(
            LLAMA,
            "partitions",
            placement(json!({"mode": "MIG", "gpusPerReplica": 1, "sharing": "Exclusive"})),
        ),
        refused(
            LLAMA,
            "two partitions",
            placement(json!({"mode": "MIG", "gpusPerReplica": 2})),
            "a process sees one MIG partition only",
        ),
        refused(
            LLAMA,
            "a share of a partition",
            placement(json!({"mode": "MIG", "sharing": "Shared"})),
            "a MIG partition is one replica's own",
        ),
        taken(LLAMA, "two devices", placement(json!({"mode": "DRA", "gpusPerReplica": 2}))),
        taken(LLAMA, "a share of a device", placement(json!({"mode": "DRA", "sharing": "Shared"}))),
        taken(LLAMA, "some products", placement(json!({"gpuProducts": ["NVIDIA-A10", "Tesla-T4"]}))),
        refused(
            LLAMA,
            "one product twice",
            placement(json!({"gpuProducts": ["NVIDIA-A10", "NVIDIA-A10"]})),
            "Duplicate value",
        ),
        refused(
            LLAMA,
            "a product as people write it",
            placement(json!({"gpuProducts": ["NVIDIA A10"]})),
            "spec.placement.gpuProducts[0]",
        ),
        refused(
            LLAMA,
            "a split of one's own",
            json!({"spec": {"engine": {"args": ["--tensor-split", "3,1"]}, "placement": {"gpusPerReplica": 2}}}),
            "repeats a flag that Flotilla derives",
        ),
    ]
}
