//! Two objects of one model: the cheaper one comes first and stays longest.

use crate::stage::{MODEL, Stage, all_good, model, with_models};
use flotilla_e2e::harness::{Ask, Result};
use serde_json::{Value, json};
use std::time::Duration;

fn variant(name: &str, price: &str) -> Value {
    let scaling = json!({
        "minReplicas": 0, "maxReplicas": 1, "scaleToZeroAfter": "15s", "stabilizationWindow": "15s",
        "hold": {"maxRequests": 50, "timeout": "2m"}, "gpuHourlyPrice": price,
        "replicaCapacity": {"promptTokensPerSecond": 100, "completionTokensPerSecond": 10},
    });
    let mut object = model(name, &scaling);
    object["spec"]["model"]["servedName"] = json!(MODEL);
    object
}

/// Waits until so many replicas are wanted of each.
async fn wants(stage: &Stage, small: i32, large: i32) -> Result<()> {
    for (name, wanted) in [("small", small), ("large", large)] {
        let is_so = |status: &flotilla_crds::model_deployment::ModelDeploymentStatus| {
            status.desired_replicas == Some(wanted) && status.replicas == wanted
        };
        stage.model_has(name, &format!("{wanted} replicas"), is_so).await?;
    }
    Ok(())
}

/// Requests may go to either.
fn both(_: &str) -> Value {
    let backend = |name: &str| json!({"name": name, "modelDeploymentRef": {"name": name}});
    json!({
        "backends": [backend("small"), backend("large")],
        "default": {"backends": [{"name": "small", "weight": 50}, {"name": "large", "weight": 50}]},
    })
}

#[tokio::test]
async fn the_cheaper_variant_comes_first_and_the_dearer_one_goes_first() {
    // By name the dearer one is the first.
    let variants = [variant("small", "0.20"), variant("large", "2.00")];
    with_models("scaling_variants", &variants, both, async |stage| {
        let app = stage.application().await?;
        wants(&stage, 0, 0).await?;
        all_good(&app.ask(&stage.namespace, &Ask::new(MODEL, "Hello").times(1)).await?);
        wants(&stage, 1, 0).await?;

        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") }.streamed();
        app.start_loop(&stage.namespace, &ask, Duration::from_millis(100)).await?;
        stage.model_has("large", "a replica", |status| status.ready_replicas == 1).await?;
        all_good(&app.stop_loop(&stage.namespace).await?);

        app.start_loop(&stage.namespace, &Ask::new(MODEL, "Hi.").streamed(), Duration::from_secs(2)).await?;
        wants(&stage, 1, 0).await?;
        all_good(&app.stop_loop(&stage.namespace).await?);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn the_dearer_variant_serves_where_the_cheaper_one_cannot_start() {
    let mut broken = variant("small", "0.20");
    broken["spec"]["engine"]["args"] = json!(["--no-such-flag"]);
    let mut sound = variant("large", "2.00");
    for object in [&mut broken, &mut sound] {
        object["spec"]["scaling"]["hold"]["timeout"] = json!("5m");
    }
    with_models("scaling_fails", &[broken, sound], both, async |stage| {
        let app = stage.application().await?;
        wants(&stage, 0, 0).await?;
        all_good(&app.ask(&stage.namespace, &Ask::new(MODEL, "Hello").streamed().times(1)).await?);
        let status = stage.model_has("large", "a replica", |status| status.ready_replicas == 1).await?;
        let history = status.scaling.unwrap().history;
        assert_eq!(history[0].to, 1, "it stepped in: {history:?}");
        Ok(())
    })
    .await;
}
