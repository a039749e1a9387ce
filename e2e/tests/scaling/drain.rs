//! What a replica answers when it is to go, it answers to the end.

use crate::stage::{FLEET, MODEL, all_good, fleet_only, model, with_models};
use flotilla_e2e::harness::{Ask, Round};
use serde_json::json;
use std::time::Duration;

/// Answers at a time, and their tokens: either replica has some more than its slots take, for longer than its drain
/// timeout, and on a slow machine for less than the minute that a replica may answer on after it.
const ANSWERS: usize = 24;
const TOKENS: u32 = 200;

#[tokio::test]
async fn answers_that_take_longer_than_the_drain_timeout_are_whole() {
    // The number is set by hand; the scaling only has its engines looked at.
    let mut fleet = model(FLEET, &json!({"mode": "External", "maxReplicas": 2}));
    fleet["spec"]["rollout"] = json!({"drainTimeout": "1s"});
    with_models("scaling_drain", &[fleet], fleet_only, async |stage| {
        stage.scale(2).await?;
        stage.has("two replicas", |status| status.ready_replicas == 2).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: TOKENS, ..Ask::new(MODEL, "Tell me a long story.") }.streamed();
        let answers = Round { concurrency: ANSWERS, ..ask.times(ANSWERS) };
        let fewer = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stage.scale(1).await?;
            stage.marked().await
        };
        let (replies, marked) = tokio::try_join!(app.ask(&stage.namespace, &answers), fewer)?;
        all_good(&replies);
        assert_eq!(replies.len(), ANSWERS);
        let longest = replies.iter().map(|reply| reply.seconds).fold(0.0, f64::max);
        println!("while a replica went the longest of {ANSWERS} answers took {longest:.1} s");
        stage.has("one pod", |status| status.replicas == 1).await?;
        let left = stage.pods_left().await?;
        assert!(!left.contains(&marked), "{marked} was drained, {left:?} stayed");
        Ok(())
    })
    .await;
}
