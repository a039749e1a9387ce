//! Nodes that go.

use super::objects::{apply, custom, serving};
use super::stage::{GIVEN_UP, SOON, alone, cards, runs};
use flotilla_e2e::bed::{self, Paths, SPARES};

#[tokio::test]
async fn a_replica_of_a_dead_node_starts_once_on_another() {
    alone("dead_node", async |_, namespace| {
        let (paths, node) = (Paths::from_env()?, &SPARES[0]);
        cards("gpu-4090", 0)?;
        bed::join(&paths, node)?;
        apply(&namespace, &custom("model", "20Gi")).await?;
        runs(&namespace, "model", SOON, |found| found == node.name).await?;

        cards("gpu-4090", 2)?;
        bed::kill_node(&paths, node);
        runs(&namespace, "model", GIVEN_UP, |found| found == "gpu-4090").await?;
        serving(&namespace, "model").await?;
        // Nobody else says that the pod there has ended.
        bed::leave(&paths, node)?;
        Ok(())
    })
    .await;
}
