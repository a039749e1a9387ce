//! Devices of DRA, as the bed's driver offers them: claims as a person would write them, without Flotilla.

use super::stage::{SOON, alone, node_of};
use flotilla_e2e::bed::{self, Devices, NODES, Paths};
use flotilla_e2e::harness::{HarnessError, Result, TestNamespace, image, wait_for, wait_until};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, LogParams};
use serde_json::json;
use std::collections::BTreeSet;

/// Pods that each claim a device of at least so much memory and say what environment they got.
async fn claim(namespace: &TestNamespace, names: &[&str], memory: &str) -> Result<()> {
    let large = format!("device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('{memory}')) >= 0");
    let request = json!({
        "deviceClassName": "gpu.nvidia.com",
        "capacity": {"requests": {"memory": memory}},
        "selectors": [{"cel": {"expression": large}}],
    });
    let template = json!({
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": "gpu"},
        "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": request}]}}},
    });
    namespace.apply(&template.to_string()).await?;
    for name in names {
        let say = "import os, time; print(os.environ.get('NVIDIA_VISIBLE_DEVICES'), os.environ.get('CUDA_MPS_PINNED_DEVICE_MEM_LIMIT'), flush=True); time.sleep(3600)";
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"claims": "gpu"}},
            "spec": {
                "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpu"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "program",
                    "image": image("flotilla/openai-client:dev"),
                    "command": ["/usr/bin/python3.11", "-c", say],
                    "resources": {"claims": [{"name": "gpu"}]},
                }],
            },
        });
        namespace.apply(&pod.to_string()).await?;
    }
    Ok(())
}

/// Waits until so many pods run; their names, nodes and what they say, and the names of those that wait.
async fn running(
    namespace: &TestNamespace,
    count: usize,
) -> Result<(Vec<(String, String, String)>, Vec<String>)> {
    let api = namespace.api::<Pod>();
    wait_until(&format!("{count} pods to run"), SOON, async || {
        let list = api.list(&ListParams::default().labels("claims=gpu")).await;
        let (mut run, mut wait) = (Vec::new(), Vec::new());
        for pod in list.map_err(|error| error.to_string())? {
            let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
            if phase.as_deref() == Some("Running") {
                let said =
                    api.logs(&pod.name_any(), &LogParams::default()).await.map_err(|e| e.to_string())?;
                let said = said.lines().next().ok_or("nothing was said yet")?.to_owned();
                run.push((pod.name_any(), node_of(&pod).unwrap_or_default().to_owned(), said));
            } else {
                wait.push(pod.name_any());
            }
        }
        if run.len() == count { Ok((run, wait)) } else { Err(format!("{run:?} run, {wait:?} wait")) }
    })
    .await
}

#[tokio::test]
async fn a_device_is_one_claims_and_outlives_its_driver() {
    alone("devices", async |_, namespace| {
        let paths = Paths::from_env()?;
        for node in NODES {
            bed::start_dra(&paths, node, Devices::Exclusive)?;
        }
        // One card of the second node and two of the third are large enough.
        claim(&namespace, &["a", "b", "c", "d"], "14Gi").await?;
        let (run, wait) = running(&namespace, 3).await?;
        let cards: BTreeSet<_> = run.iter().map(|(_, _, said)| said.clone()).collect();
        assert_eq!(cards.len(), 3, "each has a card of its own: {run:?}");
        assert!(run.iter().all(|(_, node, said)| node != "gpu-3060" && said.starts_with("GPU-")), "{run:?}");

        for node in NODES {
            bed::crash_dra(&paths, node);
        }
        let api = namespace.api::<Pod>();
        let (first, node, card) = run[0].clone();
        for node in NODES {
            bed::start_dra(&paths, node, Devices::Exclusive)?;
        }
        assert_eq!(running(&namespace, 3).await?.0, run, "pods run on without a driver");
        // What the driver before prepared, this one takes back, and the one that waits has it.
        api.delete(&first, &DeleteParams::default()).await.map_err(HarnessError::api("delete a pod"))?;
        wait_for(&api, &wait[0], "run", SOON, |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
            if phase.as_deref() == Some("Running") { Ok(()) } else { Err(format!("{phase:?}")) }
        })
        .await?;
        let (run, _) = running(&namespace, 3).await?;
        assert!(run.iter().any(|found| *found == (wait[0].clone(), node.clone(), card.clone())), "{run:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn shares_of_a_device_are_taken_from_its_memory() {
    alone("shared_devices", async |_, namespace| {
        let node = &NODES[0];
        bed::start_dra(&Paths::from_env()?, node, Devices::Shared)?;
        // Two of 5 GiB leave 2 of 12.
        claim(&namespace, &["a", "b", "c"], "5Gi").await?;
        let (run, wait) = running(&namespace, 2).await?;
        assert_eq!(wait.len(), 1, "{run:?}");
        let said: BTreeSet<_> = run.iter().map(|(_, node, said)| (node.as_str(), said.as_str())).collect();
        assert_eq!(said.len(), 1, "both have the same card and as much of it: {run:?}");
        assert!(said.iter().all(|(on, said)| *on == node.name && said.ends_with(" 0=5120M")), "{said:?}");
        Ok(())
    })
    .await;
}
