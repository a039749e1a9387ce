//! Replicas follow the load on a real cluster: up, down, to zero and back, with no failed request.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "scaling/autoscaler.rs"]
mod autoscaler;
#[path = "scaling/drain.rs"]
mod drain;
#[path = "scaling/economics.rs"]
mod economics;
#[path = "scaling/lost.rs"]
mod lost;
#[path = "scaling/picture.rs"]
mod picture;
#[path = "scaling/spill.rs"]
mod spill;
#[path = "scaling/stage.rs"]
mod stage;
#[path = "scaling/trace.rs"]
mod trace;
#[path = "scaling/variants.rs"]
mod variants;

use flotilla_e2e::harness::{Ask, Round, wait_for};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use stage::{MODEL, START, all_good, eager, scaled, with_stage};
use std::time::Duration;

#[tokio::test]
async fn replicas_come_with_the_load_and_go_without_it_and_no_request_fails() {
    with_stage("scaling_load", &eager(), async |stage| {
        stage.has("one replica", |object| object.ready_replicas == 1).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") };
        app.start_loop(&stage.namespace, &ask.clone().streamed(), Duration::from_millis(100)).await?;
        stage.has("two replicas", |object| object.ready_replicas == 2).await?;
        let replies = app.stop_loop(&stage.namespace).await?;
        all_good(&replies);

        // Slowly enough for one: the second goes while requests are answered.
        app.start_loop(&stage.namespace, &Ask::new(MODEL, "Hi.").streamed(), Duration::from_secs(2)).await?;
        let status = stage.has("one replica again", |object| object.desired_replicas == Some(1)).await?;
        let reasons: Vec<_> =
            status.scaling.unwrap().history.iter().map(|change| change.reason.clone()).collect();
        assert_eq!(reasons.first().map(String::as_str), Some("DemandFell"), "{reasons:?}");
        let marked = stage.marked().await?;
        stage.has("one pod", |object| object.replicas == 1).await?;
        all_good(&app.stop_loop(&stage.namespace).await?);
        let left = stage.pods_left().await?;
        assert!(!left.contains(&marked), "{marked} was drained, {left:?} stayed");
        assert_eq!(stage.spec_replicas().await?, 1, "the user's spec is the user's");
        Ok(())
    })
    .await;
}

/// Requests that come at once, half of them streams.
const HERD: usize = 500;

#[tokio::test]
async fn an_idle_model_goes_to_zero_and_wakes_once_for_all_the_requests_that_wait() {
    let to_zero = json!({
        "minReplicas": 0, "maxReplicas": 2, "scaleToZeroAfter": "15s", "stabilizationWindow": "15s",
        "hold": {"maxRequests": HERD, "timeout": "2m"},
    });
    with_stage("scaling_zero", &to_zero, async |stage| {
        let app = stage.application().await?;
        let status = stage.has("no replica", |object| object.desired_replicas == Some(0)).await?;
        assert_eq!(status.scaling.unwrap().history[0].reason, "Idle");
        stage.has("no pod", |object| object.replicas == 0).await?;

        let half = HERD / 2;
        let at_once = |ask: Ask| Round { ask, count: half, concurrency: half };
        let rounds = [at_once(Ask::new(MODEL, "Hello")), at_once(Ask::new(MODEL, "Hello").streamed())];
        let asked = rounds.each_ref().map(|round| app.ask(&stage.namespace, round));
        let replies: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
        all_good(&replies);
        assert_eq!(replies.len(), HERD);
        let seconds = |pick: fn(f64, f64) -> f64, from| replies.iter().map(|r| r.seconds).fold(from, pick);
        println!(
            "of {HERD} answers after zero the first took {:.1} s, the last {:.1} s",
            seconds(f64::min, f64::MAX),
            seconds(f64::max, 0.0)
        );
        let history = stage.status().await?.scaling.unwrap().history;
        let numbers: Vec<_> = history.iter().map(|change| (change.from, change.to)).collect();
        assert_eq!(numbers, [(0, 1), (1, 0)], "one decision for all of them: {history:?}");
        assert_eq!(history[0].reason, "Waking");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_only_advises_changes_nothing() {
    let mut advice = eager();
    advice["mode"] = json!("Advisory");
    with_stage("scaling_advice", &advice, async |stage| {
        stage.has("one replica", |object| object.ready_replicas == 1).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") };
        app.start_loop(&stage.namespace, &ask, Duration::from_millis(100)).await?;
        stage.has("the advice", |object| scaled(object).is_some_and(|scaling| scaling.desired == 2)).await?;
        all_good(&app.stop_loop(&stage.namespace).await?);
        let replicas = |deployment: &Deployment| match deployment.spec.as_ref().and_then(|spec| spec.replicas)
        {
            Some(1) => Ok(()),
            other => Err(format!("{other:?}")),
        };
        wait_for(&stage.namespace.api(), "fleet", "keep one replica", START, replicas).await
    })
    .await;
}
