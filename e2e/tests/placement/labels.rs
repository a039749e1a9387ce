//! By the labels of nodes.

use super::objects::{apply, custom, get, serving, wait};
use super::stage::{SOON, alone, cards, lands_on, runs};
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{Cluster, Result, wait_until};
use futures::FutureExt as _;
use futures::future::try_join;
use std::panic::{AssertUnwindSafe, resume_unwind};

#[tokio::test]
async fn large_cards_stay_free_for_what_needs_them() {
    alone("right_sized", async |_, namespace| {
        // The smallest card, the next one when that is taken, and the largest is still there for who needs it.
        for (name, need, card) in [("a", "8Gi", 12_288), ("b", "8Gi", 16_380), ("c", "20Gi", 24_564)] {
            apply(&namespace, &custom(name, need)).await?;
            assert_eq!(lands_on(&namespace, name).await?, card, "{name} needs {need}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn of_two_that_want_the_last_card_one_has_it_and_the_other_waits_for_it() {
    alone("last_card", async |_, namespace| {
        let (left, right) = (custom("left", "20Gi"), custom("right", "20Gi"));
        try_join(apply(&namespace, &left), apply(&namespace, &right)).await?;
        let winner = wait_until("one of them to serve", SOON, async || {
            for name in ["left", "right"] {
                let object = get(&namespace, name).await.map_err(|error| error.to_string())?;
                let conditions = object.status.unwrap_or_default().conditions;
                if conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True") {
                    return Ok(name);
                }
            }
            Err("neither does".to_owned())
        })
        .await?;
        let loser = if winner == "left" { "right" } else { "left" };
        let message = wait(&namespace, loser, "Placeable", "False", "NoFreeGPU").await?;
        assert!(message.contains("4090"), "the card in use is named: {message}");

        let mut none = custom(winner, "20Gi");
        none["spec"]["replicas"] = 0.into();
        apply(&namespace, &none).await?;
        serving(&namespace, loser).await?;
        assert_eq!(lands_on(&namespace, loser).await?, 24_564);
        Ok(())
    })
    .await;
}

/// As the feature discovery of a node says it after a card was changed.
fn relabel(cluster: &Cluster, node: &str, memory: &str) -> Result<()> {
    let label = format!("nvidia.com/gpu.memory={memory}");
    output(&mut cluster.kubectl(["label", "--overwrite", "node", node, &label])?)?;
    Ok(())
}

#[tokio::test]
async fn labels_that_change_move_what_comes_and_leave_what_runs() {
    alone("labels_change", async |cluster, namespace| {
        apply(&namespace, &custom("model", "14Gi")).await?;
        let first = runs(&namespace, "model", SOON, |_| true).await?;
        relabel(&cluster, "gpu-4060ti", "8192")?;
        let changed = async {
            let mut two = custom("model", "14Gi");
            two["spec"]["replicas"] = 2.into();
            cards("gpu-4060ti", 2)?;
            apply(&namespace, &two).await?;
            serving(&namespace, "model").await?;
            let fits = get(&namespace, "model").await?.status.unwrap().placement.unwrap().fits;
            assert_eq!(fits.len(), 1, "only the largest card is large enough now: {fits:?}");
            let nodes = super::objects::pods_are(&namespace, "model", 2).await?;
            let mut nodes: Vec<_> = nodes
                .into_iter()
                .map(|pod| (pod.spec.unwrap().node_name.unwrap(), pod.metadata.uid))
                .collect();
            nodes.sort();
            assert_eq!(
                nodes[0],
                ("gpu-4060ti".to_owned(), first.metadata.uid.clone()),
                "the first is left alone"
            );
            assert_eq!(nodes[1].0, "gpu-4090", "a card has room where the first runs, and it is too small");
            Ok(())
        };
        let changed = AssertUnwindSafe(changed).catch_unwind().await;
        // Other tests count on it, whatever became of this one.
        relabel(&cluster, "gpu-4060ti", "16380")?;
        changed.unwrap_or_else(|panic| resume_unwind(panic))
    })
    .await;
}
