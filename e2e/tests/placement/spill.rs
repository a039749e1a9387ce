//! What has no card goes outside, and comes back when there is one.

use super::objects::{apply, custom, serving};
use super::scaled::{MODEL, Stage, model, spilling, to_the_provider};
use super::stage::alone;
use flotilla_crds::router_config::SpillState;
use flotilla_e2e::harness::{Ask, start_provider};
use serde_json::json;

/// The bed has one such card.
const CARD: &str = "NVIDIA-GeForce-RTX-3060";

#[tokio::test]
async fn a_model_without_a_card_spills_until_it_has_one() {
    alone("spill_without_card", async |cluster, namespace| {
        start_provider(&namespace, None).await?;
        let mut fleet = model("fleet", &json!({"minReplicas": 1, "maxReplicas": 1}));
        fleet["spec"]["placement"] = json!({"gpuMemory": "200Gi"});
        let stage = Stage::of(cluster, namespace, &[fleet.clone()], to_the_provider).await?;
        let app = stage.application().await?;
        let hello = Ask::new(MODEL, "Hello");
        stage
            .has("no card that is large enough", |status| spilling(status) == Some((SpillState::NoFit, 100)))
            .await?;
        stage.all_go_to(&app, &hello, "api").await?;

        let mut other = custom("other", "8Gi");
        other["spec"]["placement"]["gpuProducts"] = json!([CARD]);
        apply(&stage.namespace, &other).await?;
        serving(&stage.namespace, "other").await?;
        fleet["spec"]["placement"] = json!({"gpuProducts": [CARD]});
        apply(&stage.namespace, &fleet).await?;
        stage.has("no free card", |status| spilling(status) == Some((SpillState::NoFreeGPU, 100))).await?;
        stage.all_go_to(&app, &hello, "api").await?;

        other["spec"]["replicas"] = json!(0);
        apply(&stage.namespace, &other).await?;
        stage.has("a card", |status| status.ready_replicas == 1 && spilling(status).is_none()).await?;
        stage.all_go_to(&app, &hello, "fleet").await?;
        Ok(())
    })
    .await;
}
