//! Weights, rules and data classes.

use super::objects::{
    KEY, SOON, application, apply, by_backend, fleet, fleet_serves, inside, out, policy, provider, script,
    secret, seen, wait, with_flotilla,
};
use flotilla_crds::RoutingPolicy;
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{Ask, wait_for, wait_until};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const REQUESTS: usize = 200;
const MARKER: &str = "patient-4711";

#[tokio::test]
async fn traffic_follows_weights_rules_and_data_classes() {
    with_flotilla("split", async |cluster, namespace| {
        fleet(&namespace, 1).await?;
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let default = json!({"backends": [{"name": "fleet", "weight": 95}, {"name": "out", "weight": 5}]});
        let mut split = policy("split", &[inside(), out(&namespace, "out")], &default);
        split["spec"]["rules"] = json!([
            {"name": "phi", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]}, "boundary": "InCluster"},
            {"name": "long", "match": {"promptTokens": {"moreThan": 300}}, "route": {"backends": [{"name": "out"}]}},
        ]);
        apply(&namespace, &split).await?;
        provider(&namespace).await?;
        fleet_serves(&namespace).await?;
        let app = application(&namespace).await?;
        script(&namespace, &json!({"markers": [MARKER]})).await?;

        let plain = Ask::new("assistant", "Say hello.");
        let counts = by_backend(&app.ask(&namespace, &plain.clone().times(REQUESTS)).await?);
        let left = counts.get("out").copied().unwrap_or(0);
        // A fair 5 % of 200 is outside of this once in ten thousand runs.
        assert!((1..=25).contains(&left), "{left} of {REQUESTS} requests left the cluster");
        assert_eq!(seen(&namespace).await?.requests, left as u64, "the provider saw the others");

        let streamed = app.ask(&namespace, &plain.streamed().times(20)).await?;
        by_backend(&streamed);
        for reply in &streamed {
            assert!(reply.pieces > 1 && reply.completion_tokens == Some(4), "{reply:?}");
        }

        // Long and marked: the rule for long prompts would send it out, its class keeps it in.
        let long = format!("{MARKER} {}", "word ".repeat(600));
        let marked = Ask::new("assistant", &long).header("x-data-class", "phi");
        for ask in [marked.clone(), marked.streamed()] {
            let counts = by_backend(&app.ask(&namespace, &ask.times(20)).await?);
            assert_eq!(counts, BTreeMap::from([("fleet".to_owned(), 20)]));
        }
        assert_eq!(seen(&namespace).await?.markers[MARKER], 0, "marked text left the cluster");
        let counts = by_backend(&app.ask(&namespace, &Ask::new("assistant", &long).times(5)).await?);
        assert_eq!(counts, BTreeMap::from([("out".to_owned(), 5)]), "long prompts go out");
        assert_eq!(seen(&namespace).await?.markers[MARKER], 5, "the provider would have seen the marker");

        let unknown = app.ask(&namespace, &Ask::new("nobody", "Hello").times(1)).await?.remove(0);
        assert_eq!((unknown.status, unknown.code.as_deref()), (404, Some("model_not_found")), "{unknown:?}");

        wait(&namespace, "split", "Ready", "True", "Programmed").await?;
        let total = i64::try_from(REQUESTS + 20 + 40 + 5).unwrap();
        wait_for(&namespace.api(), "split", "report all requests", SOON, |policy: &RoutingPolicy| {
            let status = policy.status.clone().unwrap_or_default();
            let spends = status.spend.as_deref().is_some_and(|usd| usd.parse::<f64>().is_ok_and(|usd| usd > 0.0));
            let counted = status.split.as_ref().map_or(0, |split| split.requests);
            if counted == total && spends && status.routers.summary == "1/1" { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await?;
        let table = output(&mut cluster.kubectl(["get", "rpol", "-n", &namespace.name])?)?;
        for shown in ["FLEET%", "SPEND", "1/1", "Programmed"] {
            assert!(table.contains(shown), "{shown} is not in\n{table}");
        }
        Ok(())
    })
    .await;
}

/// So many requests show that there is no way back.
const FOLLOWING: usize = 100;

/// Prints how long it takes from the change of a policy to the first request that follows it.
#[tokio::test]
async fn a_changed_policy_is_followed_at_once_and_no_request_fails() {
    with_flotilla("policy_change", async |_, namespace| {
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let backends = [out(&namespace, "before"), out(&namespace, "after")];
        let to = |name: &str| policy("change", &backends, &json!({"backends": [{"name": name}]}));
        apply(&namespace, &to("before")).await?;
        provider(&namespace).await?;
        let app = application(&namespace).await?;
        app.start_loop(&namespace, &Ask::new("assistant", "Hello"), Duration::from_millis(2)).await?;
        app.first_reply(&namespace).await?;
        let changed = jiff::Timestamp::now().as_duration();
        apply(&namespace, &to("after")).await?;
        wait(&namespace, "change", "Programmed", "True", "Programmed").await?;
        let before = app.looped(&namespace).await?;
        wait_until("requests that follow", SOON, async || {
            let done = app.looped(&namespace).await.map_err(|error| error.to_string())?;
            if done > before + FOLLOWING { Ok(()) } else { Err(format!("{done} are answered")) }
        })
        .await?;
        let replies = app.stop_loop(&namespace).await?;

        let counts = by_backend(&replies);
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["after", "before"], "both were used");
        let switched = replies.iter().position(|r| r.backend.as_deref() == Some("after")).unwrap();
        assert!(replies[switched..].iter().all(|r| r.backend.as_deref() == Some("after")), "no way back");
        let took = replies[switched].at - changed.as_secs_f64();
        println!("from kubectl apply to the first request that follows: {:.0} ms", took * 1000.0);
        Ok(())
    })
    .await;
}
