//! A model at zero spills to an API while it starts, but for what must stay; then requests come back.

use crate::stage::{MODEL, all_good, scaled, with_policy};
use flotilla_crds::router_config::SpillState;
use flotilla_e2e::harness::{Ask, PROVIDER, start_provider};
use serde_json::json;

#[tokio::test]
async fn requests_go_outside_while_a_model_starts_and_come_back() {
    let to_zero = json!({
        "minReplicas": 0, "maxReplicas": 1, "scaleToZeroAfter": "15s", "stabilizationWindow": "15s",
        "hold": {"maxRequests": 50, "timeout": "2m"},
    });
    let policy = |namespace: &str| {
        json!({
            "backends": [
                {"name": "fleet", "modelDeploymentRef": {"name": "fleet"}},
                {"name": "api", "external": {"baseURL": format!("http://{PROVIDER}.{namespace}.svc/v1"), "model": "gpt-4o"}},
            ],
            "rules": [{
                "name": "phi", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]},
                "boundary": "InCluster",
            }],
            "default": {"backends": [{"name": "fleet"}]},
            "spill": {"backend": "api"},
        })
    };
    with_policy("scaling_spill", &to_zero, policy, async |stage| {
        start_provider(&stage.namespace, None).await?;
        let app = stage.application().await?;
        let at_zero =
            |status: &_| scaled(status).and_then(|scaling| scaling.spill.as_ref()).map(|spill| spill.state);
        stage.has("spilling at zero", |status| at_zero(status) == Some(SpillState::ScaledToZero)).await?;

        let outside = app.ask(&stage.namespace, &Ask::new(MODEL, "Hello").times(3)).await?;
        all_good(&outside);
        assert!(outside.iter().all(|reply| reply.backend.as_deref() == Some("api")), "{outside:?}");
        let phi = Ask::new(MODEL, "A patient.").header("x-data-class", "PHI");
        let inside = app.ask(&stage.namespace, &phi.times(2)).await?;
        all_good(&inside);
        assert!(inside.iter().all(|reply| reply.backend.as_deref() == Some("fleet")), "{inside:?}");

        stage.has("requests again", |status| status.ready_replicas == 1 && at_zero(status).is_none()).await?;
        let back = app.ask(&stage.namespace, &Ask::new(MODEL, "Hello").times(3)).await?;
        assert!(back.iter().all(|reply| reply.backend.as_deref() == Some("fleet")), "{back:?}");
        stage.event("Spilling").await?;
        stage.event("SpillEnded").await?;
        Ok(())
    })
    .await;
}
