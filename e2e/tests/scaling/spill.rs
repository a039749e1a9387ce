//! What a model cannot take goes to an API, but for what must stay, and comes back.

use crate::stage::{MODEL, START, all_by, all_good, scaled, spilling, to_the_provider, with_policy};
use flotilla_crds::router_config::SpillState;
use flotilla_e2e::harness::{Ask, start_provider, wait_until};
use serde_json::json;
use std::time::Duration;

fn patient() -> Ask {
    Ask::new(MODEL, "A patient.").header("x-data-class", "PHI")
}

#[tokio::test]
async fn requests_go_outside_while_a_model_starts_and_come_back() {
    let to_zero = json!({
        "minReplicas": 0, "maxReplicas": 1,
        // Long after the spill has ended: meanwhile it is asked what has come back.
        "scaleToZeroAfter": "45s", "stabilizationWindow": "15s",
        "hold": {"maxRequests": 50, "timeout": "2m"},
    });
    with_policy("scaling_spill", &to_zero, to_the_provider, async |stage| {
        start_provider(&stage.namespace, None).await?;
        let app = stage.application().await?;
        stage
            .has("spilling at zero", |status| spilling(status) == Some((SpillState::ScaledToZero, 100)))
            .await?;

        let hello = Ask::new(MODEL, "Hello");
        stage.all_go_to(&app, &hello, "api").await?;
        all_by(&app.ask(&stage.namespace, &patient().times(2)).await?, "fleet");

        stage
            .has("requests again", |status| status.ready_replicas == 1 && spilling(status).is_none())
            .await?;
        stage.all_go_to(&app, &hello, "fleet").await?;
        stage.event("Spilling").await?;
        stage.event("SpillEnded").await?;
        Ok(())
    })
    .await;
}

/// So many replies that some go one way and some the other, if each goes outside with the share that is too much.
const REPLIES: usize = 40;

#[tokio::test]
async fn what_is_too_much_for_a_full_model_goes_outside_and_the_rest_stays() {
    // The loop asks for three to six times as much as that, on slow machines and on fast ones.
    let full = json!({
        "minReplicas": 1, "maxReplicas": 1,
        "replicaCapacity": {"promptTokensPerSecond": 100, "completionTokensPerSecond": 3},
    });
    with_policy("scaling_saturated", &full, to_the_provider, async |stage| {
        start_provider(&stage.namespace, None).await?;
        stage.has("a replica", |status| status.ready_replicas == 1).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: 8, ..Ask::new(MODEL, "Hello") };
        app.start_loop(&stage.namespace, &ask, Duration::from_millis(500)).await?;
        let is_full = |status: &_| spilling(status).is_some_and(|(state, _)| state == SpillState::Saturated);
        let status = stage.has("more to do than it can", is_full).await?;
        println!("{}", scaled(&status).unwrap().spill.as_ref().unwrap().message);
        all_by(&app.ask(&stage.namespace, &patient().times(2)).await?, "fleet");

        let before = app.looped(&stage.namespace).await?;
        wait_until("replies of a full model", START, async || {
            let done = app.looped(&stage.namespace).await.map_err(|error| error.to_string())?;
            if done >= before + REPLIES { Ok(()) } else { Err(format!("{done}")) }
        })
        .await?;
        let replies = app.stop_loop(&stage.namespace).await?;
        all_good(&replies);
        let since: Vec<_> = replies[before..].iter().filter_map(|reply| reply.backend.as_deref()).collect();
        assert!(since.contains(&"api") && since.contains(&"fleet"), "{since:?}");
        stage.has("no more than it can", |status| spilling(status).is_none()).await?;
        Ok(())
    })
    .await;
}
