//! What happens when the chosen backend fails before its first byte.

use super::objects::{
    KEY, application, apply, by_backend, fleet, fleet_serves, inside, out, policy, provider, script, secret,
    seen, wait, with_flotilla,
};
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{Ask, wait_until};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than routers leave an endpoint alone after a few rounds of failures: 10 s, and twice as long each time.
const RECOVERY: Duration = Duration::from_mins(4);

fn only(backend: &str, count: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(backend.to_owned(), count)])
}

#[tokio::test]
async fn a_failing_provider_is_covered_by_the_fleet_and_the_other_way_round() {
    with_flotilla("fallback", async |cluster, namespace| {
        fleet(&namespace, 1).await?;
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let backends = [inside(), out(&namespace, "out")];
        let outwards = json!({"backends": [{"name": "out"}], "fallback": ["fleet"]});
        apply(&namespace, &policy("split", &backends, &outwards)).await?;
        provider(&namespace).await?;
        fleet_serves(&namespace).await?;
        let app = application(&namespace).await?;
        let ask = Ask::new("assistant", "Say hello.");

        for fault in [json!({"status": 500}), json!({"status": 429}), json!("reset")] {
            script(&namespace, &json!({"faults": [fault], "repeat": true})).await?;
            for ask in [ask.clone(), ask.clone().streamed()] {
                let counts = by_backend(&app.ask(&namespace, &ask.times(5)).await?);
                assert_eq!(counts, only("fleet", 5), "{fault}");
            }
        }
        script(&namespace, &json!({})).await?;
        // So many failures in a row had it left alone for a while.
        wait_until("the provider to be tried again", RECOVERY, async || {
            let replies = app.ask(&namespace, &ask.clone().times(5)).await.map_err(|error| error.to_string())?;
            let counts = by_backend(&replies);
            if counts == only("out", 5) { Ok(()) } else { Err(format!("{counts:?}")) }
        })
        .await?;

        // A marked request has no way out, whatever fails.
        let phi = json!([{"name": "phi", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]}, "boundary": "InCluster"}]);
        let mut inwards = policy("split", &backends, &json!({"backends": [{"name": "fleet"}], "fallback": ["out"]}));
        inwards["spec"]["rules"] = phi;
        apply(&namespace, &inwards).await?;
        wait(&namespace, "split", "Ready", "True", "Programmed").await?;
        output(&mut cluster.kubectl(["scale", "mdep", "fleet", "--replicas=0", "-n", &namespace.name])?)?;
        let stopped = ["wait", "--for=delete", "--timeout=120s", "pod", "-l", "flotilla.dev/model-deployment=fleet", "-n", &namespace.name];
        output(&mut cluster.kubectl(stopped)?)?;
        assert_eq!(by_backend(&app.ask(&namespace, &ask.clone().times(5)).await?), only("out", 5));
        let before = seen(&namespace).await?.requests;
        let marked = ask.header("x-data-class", "PHI");
        for reply in app.ask(&namespace, &marked.times(5)).await? {
            assert_eq!((reply.status, reply.code.as_deref()), (503, Some("no_backend_ready")), "{reply:?}");
        }
        assert_eq!(seen(&namespace).await?.requests, before, "a marked request left the cluster");
        Ok(())
    })
    .await;
}
