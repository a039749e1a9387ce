//! The leader is killed while replicas follow the load.

use crate::alone;
use crate::operator::{kill_leader, leader};
use crate::stage::{MODEL, Stage, all_good, fleet_only};
use flotilla_e2e::harness::Ask;
use serde_json::json;
use std::time::Duration;

/// For so long nothing may go after a leader was killed under load: longer than the window.
const SECONDS: usize = 30;

#[tokio::test]
async fn a_killed_leader_changes_no_number_and_the_next_one_goes_on_where_it_was() {
    let scaling = json!({
        "minReplicas": 1, "maxReplicas": 2, "stabilizationWindow": "20s",
        "replicaCapacity": {"promptTokensPerSecond": 100, "completionTokensPerSecond": 10},
    });
    alone("scaling_killed", async |cluster, namespace| {
        let stage = Stage::set(cluster.clone(), namespace, &scaling, fleet_only).await?;
        stage.has("one replica", |object| object.ready_replicas == 1).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") }.streamed();
        app.start_loop(&stage.namespace, &ask, Duration::from_millis(100)).await?;
        stage.has("two replicas", |object| object.ready_replicas == 2).await?;

        kill_leader(&cluster).await?;
        for second in 0..SECONDS {
            let status = stage.status().await?;
            assert_eq!(
                (status.desired_replicas, status.replicas),
                (Some(2), 2),
                "{second} s after it was killed"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        all_good(&app.stop_loop(&stage.namespace).await?);

        // Slowly enough for one. This time it is killed when a replica is on its way out.
        leader(&cluster).await?;
        app.start_loop(&stage.namespace, &Ask::new(MODEL, "Hi.").streamed(), Duration::from_secs(2)).await?;
        let status = stage.has("one replica wanted", |object| object.desired_replicas == Some(1)).await?;
        // Why the second one came hangs on how many requests waited by then; that it came once does not.
        let history = status.scaling.unwrap().history;
        let numbers: Vec<_> = history.iter().map(|change| (change.from, change.to)).collect();
        assert_eq!(numbers, [(2, 1), (1, 2)], "what the leader before decided is known: {history:?}");
        assert_eq!(history[0].reason, "DemandFell");
        let marked = stage.marked().await?;
        kill_leader(&cluster).await?;
        stage.has("one pod", |object| object.replicas == 1).await?;
        let left = stage.pods_left().await?;
        assert!(!left.contains(&marked), "{marked} was drained, {left:?} stayed");
        all_good(&app.stop_loop(&stage.namespace).await?);
        Ok(())
    })
    .await;
}
