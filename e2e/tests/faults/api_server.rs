//! The API server stands still while routers serve.

use crate::alone;
use crate::routing::{
    KEY, application, apply, by_backend, fleet, fleet_serves, inside, out, policy, provider, secret, wait,
};
use flotilla_e2e::bed::{self, Paths};
use flotilla_e2e::harness::{Ask, POLL, Release, wait_until};
use serde_json::json;
use std::time::Duration;

/// Longer than a lease and shorter than a node's grace.
const OUTAGE: Duration = Duration::from_secs(30);
const RECOVERY: Duration = Duration::from_mins(4);

#[tokio::test]
async fn routers_answer_while_the_api_server_is_gone_and_follow_when_it_is_back() {
    alone("api_server_gone", async |cluster, namespace| {
        fleet(&namespace, 1).await?;
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let backends = [inside(), out(&namespace, "out")];
        let both = json!({"backends": [{"name": "fleet", "weight": 50}, {"name": "out", "weight": 50}]});
        apply(&namespace, &policy("split", &backends, &both)).await?;
        provider(&namespace).await?;
        fleet_serves(&namespace).await?;
        let app = application(&namespace).await?;
        app.start_loop(&namespace, &Ask::new("assistant", "Hello").streamed(), POLL / 2).await?;
        let paths = Paths::from_env()?;
        let paused = tokio::task::spawn_blocking(move || bed::pause(&paths, "kube-apiserver", OUTAGE));
        paused.await.unwrap()?;

        let replies = wait_until("the application to be reached again", RECOVERY, async || {
            app.stop_loop(&namespace).await.map_err(|error| error.to_string())
        })
        .await?;
        let counts = by_backend(&replies);
        assert_eq!(counts.len(), 2, "both were used: {counts:?}");
        let gap = replies.windows(2).map(|pair| pair[1].at - pair[0].at).fold(0.0, f64::max);
        println!(
            "{} requests during {} s without the API server; longest gap {gap:.1} s",
            replies.len(),
            OUTAGE.as_secs()
        );
        assert!(replies.len() > 50, "the application hung: {} requests", replies.len());

        Release::default().available(&cluster).await?;
        apply(&namespace, &policy("split", &backends, &json!({"backends": [{"name": "fleet"}]}))).await?;
        wait_until("the changed policy to be followed", RECOVERY, async || {
            let followed = wait(&namespace, "split", "Programmed", "True", "Programmed").await;
            followed.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        // A node whose lease could not be renewed for so long may have been given up for a moment, and with it the
        // endpoints that routers know.
        fleet_serves(&namespace).await?;
        let hello = Ask::new("assistant", "Hello");
        app.leads_to(&namespace, &hello, "fleet").await?;
        let counts = by_backend(&app.ask(&namespace, &hello.times(10)).await?);
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["fleet"]);
        Ok(())
    })
    .await;
}
