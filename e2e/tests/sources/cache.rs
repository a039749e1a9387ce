//! What is on a node is not downloaded again, and what is on its way is shown.

use crate::hub::{downloads, hub_model, script, start, stop};
use crate::objects::{START, apply, get, pods_are, serving, wait, with_flotilla};
use flotilla_crds::ModelDeployment;
use flotilla_e2e::harness::wait_for;
use serde_json::json;

#[tokio::test]
async fn a_second_replica_downloads_nothing_and_starts_while_the_hub_is_away() {
    with_flotilla("second_replica", async |_, namespace| {
        start(&namespace).await?;
        let mut object = hub_model(&namespace, "twice", "model.gguf");
        // The nodes of the bed share one disk, and so one cache: two replicas at once ask for one download.
        object["spec"]["replicas"] = json!(2);
        apply(&namespace, &object).await?;
        serving(&namespace, "twice").await?;
        assert_eq!(downloads(&namespace).await.len(), 1);
        stop(&namespace).await?;
        object["spec"]["replicas"] = json!(3);
        apply(&namespace, &object).await?;
        pods_are(&namespace, "twice", 3).await?;
        serving(&namespace, "twice").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_download_shows_how_far_it_is() {
    with_flotilla("progress", async |_, namespace| {
        start(&namespace).await?;
        // 16 KiB each 100 ms: the tiny model takes long enough to be looked at.
        script(&namespace, &json!({"gapMs": 100})).await?;
        apply(&namespace, &hub_model(&namespace, "slow", "model.gguf")).await?;
        let shown = |object: &ModelDeployment| {
            let status = object.status.clone().unwrap_or_default();
            let download = status.download.clone().ok_or("no download in the status")?;
            let percent = download.percent.filter(|percent| (1..100).contains(percent));
            percent.map(|_| download.clone()).ok_or(format!("{download:?}"))
        };
        let download = wait_for(&namespace.api(), "slow", "show a download", START, shown).await?;
        let message = wait(&namespace, "slow", "ModelLoaded", "Unknown", "Downloading").await?;
        assert!(message.contains(" % of ") && message.contains("MB/s"), "{message}");
        assert!(message.contains(&download.pod), "{message}");
        wait(&namespace, "slow", "Stalled", "False", "NotStalled").await?;
        serving(&namespace, "slow").await?;
        assert_eq!(get(&namespace, "slow").await?.status.unwrap().download, None);
        Ok(())
    })
    .await;
}
