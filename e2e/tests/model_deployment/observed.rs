//! What the engine reports that it took stands beside the estimate, once for each start.

use super::objects::{START, apply, pods_are, serving, smollm2, with_flotilla};
use flotilla_crds::model_deployment::{ModelDeploymentStatus, ObservedMemory};
use flotilla_crds::{ModelDeployment, labels};
use flotilla_e2e::harness::{HarnessError, Result, TestNamespace, wait_for};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

fn mib(quantity: Option<&Quantity>) -> i64 {
    quantity.unwrap().0.strip_suffix("Mi").unwrap().parse().unwrap()
}

/// Waits until the status shows so many starts of the engine.
async fn after_starts(namespace: &TestNamespace, name: &str, starts: i32) -> Result<ModelDeploymentStatus> {
    let what = format!("have seen {starts} starts");
    wait_for(&namespace.api(), name, &what, START, |object: &ModelDeployment| {
        let status = object.status.clone().unwrap_or_default();
        let seen = status.calibration.as_ref().and_then(|known| Some(known.corrections.first()?.starts));
        if seen == Some(starts) { Ok(status) } else { Err(format!("{:?}", status.calibration)) }
    })
    .await
}

#[tokio::test]
async fn a_real_engine_reports_what_was_estimated() {
    with_flotilla("observed_memory", async |_, namespace| {
        let mut object = smollm2("seen");
        // Starts on one kind of card are compared with each other.
        object["spec"]["placement"] =
            json!({"nodeSelector": {labels::GPU_PRODUCT: "NVIDIA-GeForce-RTX-3060"}});
        apply(&namespace, &object).await?;
        serving(&namespace, "seen").await?;
        let first = pods_are(&namespace, "seen", 1).await?.remove(0).name_any();
        let status = after_starts(&namespace, "seen", 1).await?;
        let memory = status.memory.unwrap();
        let ObservedMemory { weights, kv_cache, compute, pod, .. } = memory.observed.unwrap();
        assert_eq!(pod, first);
        for (observed, estimated) in
            [(weights, memory.weights), (kv_cache, memory.kv_cache), (compute, memory.compute)]
        {
            let (observed, estimated) = (mib(observed.as_ref()), mib(estimated.as_ref()));
            assert!((observed - estimated).abs() <= 1, "estimated {estimated} MiB, observed {observed} MiB");
        }
        let calibration = status.calibration.unwrap();
        let learnt = &calibration.corrections[0];
        assert_eq!(learnt.architecture, "llama");
        assert!(learnt.gpu.contains("3060"), "{learnt:?}");
        assert!(calibration.message.starts_with("1 of 2"), "{}", calibration.message);

        let delete = namespace.api::<Pod>().delete(&first, &DeleteParams::default()).await;
        delete.map_err(HarnessError::api("delete the pod"))?;
        let status = after_starts(&namespace, "seen", 2).await?;
        assert_ne!(status.memory.unwrap().observed.unwrap().pod, first);
        let message = status.calibration.unwrap().message;
        assert!(message.contains("would be corrected by"), "{message}");
        Ok(())
    })
    .await;
}
