//! Nodes that come.

use super::objects::{apply, custom, get, serving, wait};
use super::stage::{alone, cards, lands_on};
use flotilla_e2e::bed::{self, Paths, SPARES};

#[tokio::test]
async fn what_fits_nowhere_and_what_finds_no_free_card_end_when_a_node_joins() {
    alone("joining", async |_, namespace| {
        apply(&namespace, &custom("first", "20Gi")).await?;
        serving(&namespace, "first").await?;
        apply(&namespace, &custom("second", "20Gi")).await?;
        apply(&namespace, &custom("large", "40Gi")).await?;
        wait(&namespace, "second", "Placeable", "False", "NoFreeGPU").await?;
        let message = wait(&namespace, "large", "Placeable", "False", "NoFit").await?;
        assert!(message.contains("24564"), "the largest card there is: {message}");

        let node = &SPARES[0];
        bed::join(&Paths::from_env()?, node)?;
        cards(node.name, 2)?;
        for name in ["second", "large"] {
            serving(&namespace, name).await?;
            assert_eq!(lands_on(&namespace, name).await?, u64::from(node.gpu.memory_mib), "{name}");
        }
        let first = get(&namespace, "first").await?.status.unwrap().placement.unwrap().fits;
        assert!(first.iter().any(|fit| fit.product.contains("A6000")), "{first:?}");
        Ok(())
    })
    .await;
}
