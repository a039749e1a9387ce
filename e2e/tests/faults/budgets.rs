//! Budgets on a cluster: spent by real traffic through several routers, over the death of a router and of the operator.

use super::operator::{kill_leader, leader};
use crate::alone;
use crate::routing::{KEY, SOON, apply, gateway_serves, out, policy, provider, script, secret, seen, wait};
use flotilla_e2e::bed;
use flotilla_e2e::harness::{App, Ask, HarnessError, INSTALL_NAMESPACE, Result, TestNamespace, wait_until};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::time::Duration;

/// USD in a month, in nano-dollars.
const BUDGET: u64 = 10_000_000;
/// What an answer costs: 100 words at 10 USD a million tokens, and a prompt of one word at 2.50.
const ANSWER: u64 = 100 * 10_000 + 2_500;
/// How long a router that is gone keeps what it had, and some seconds for what follows.
const GRACE: Duration = Duration::from_secs(45);

/// Asks for answers of at most 100 tokens until none comes; how many did.
async fn spend(app: &App, namespace: &TestNamespace, at_most: usize) -> Result<usize> {
    let mut ask = Ask::new("assistant", "Hello");
    ask.max_tokens = 100;
    let (mut served, mut refused) = (0, 0);
    // A refusal is not the end: what others had reserved comes back within seconds.
    while served < at_most && refused < 5 {
        let reply = app.ask(namespace, &ask.clone().times(1)).await?.remove(0);
        match (reply.status, reply.code.as_deref()) {
            (200, _) => (served, refused) = (served + 1, 0),
            (429, Some("insufficient_quota")) => {
                refused += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            _ => panic!("{reply:?}"),
        }
    }
    Ok(served)
}

/// What the provider bills.
async fn billed(namespace: &TestNamespace) -> Result<u64> {
    let seen = seen(namespace).await?;
    Ok(seen.prompt_tokens * 2_500 + seen.completion_tokens * 10_000)
}

/// What the ledger has as spent by the routers of a policy. A share is the router, then what it was granted, what it
/// gave back, and what it spent.
fn written(ledger: &str, policy: &str) -> serde_json::Result<u64> {
    let accounts: Vec<Value> = serde_json::from_str(ledger)?;
    let ours = accounts.iter().filter(|entry| entry["account"]["policy"] == policy);
    let shares = ours.flat_map(|entry| entry["shares"].as_array().into_iter().flatten());
    Ok(shares.filter_map(|share| share[3].as_u64()).sum())
}

#[tokio::test]
async fn a_budget_is_spent_once_whatever_dies() {
    alone("budget", async |cluster, namespace| {
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let mut object = policy("paid", &[out(&namespace, "out")], &json!({"backends": [{"name": "out"}]}));
        object["spec"]["budgets"] = json!([{"name": "monthly", "per": "Month", "usd": "0.01"}]);
        object["spec"]["gateway"] = json!({"replicas": 2});
        apply(&namespace, &object).await?;
        provider(&namespace).await?;
        script(&namespace, &json!({"reply": "word ".repeat(100)})).await?;
        wait(&namespace, "paid", "Programmed", "True", "Programmed").await?;
        gateway_serves(&namespace, "paid", 2).await?;
        let endpoint = format!("http://paid-gateway.{}.svc/v1", namespace.name);
        let app = App::create(&namespace, "batch", &[("app", "batch")], &endpoint).await?;
        app.ready(&namespace).await?;

        assert_eq!(spend(&app, &namespace, 3).await?, 3);
        // What a router spent is reported and written down within seconds; what it did not report dies with it.
        let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), INSTALL_NAMESPACE);
        let policy = format!("{}/paid", namespace.name);
        wait_until("all that was spent to be written down", SOON, async || {
            let map = maps.get("flotilla-ledger").await.map_err(|error| error.to_string())?;
            let text = map.data.and_then(|mut data| data.remove("ledger.json")).unwrap_or_default();
            let spent = written(&text, &policy).map_err(|error| format!("{error}: {text}"))?;
            if spent == 3 * ANSWER { Ok(()) } else { Err(text) }
        })
        .await?;

        // A router dies with its lease, and the operator dies with all that it knows.
        let gateways = ListParams::default().labels("flotilla.dev/gateway=paid");
        let pods: Api<Pod> = namespace.api();
        let routers = pods.list(&gateways).await.map_err(HarnessError::api("list the gateway's pods"))?;
        assert_eq!(routers.items.len(), 2);
        let killed = bed::kill_in_pod(&routers.items[0].uid().unwrap_or_default(), "flotilla-router");
        assert_eq!(killed.unwrap(), 1);
        kill_leader(&cluster).await?;
        leader(&cluster).await?;
        tokio::time::sleep(GRACE).await;

        let served = 3 + spend(&app, &namespace, 100).await?;
        let spent = billed(&namespace).await?;
        println!("{served} answers, {spent} of {BUDGET} nano-dollars");
        assert!(spent <= BUDGET, "{spent}: more than there is");
        assert!(spent + 2 * ANSWER > BUDGET, "{spent}: another answer would have been paid for");

        // Another start of the operator does not fill it again.
        kill_leader(&cluster).await?;
        leader(&cluster).await?;
        tokio::time::sleep(GRACE).await;
        assert_eq!(spend(&app, &namespace, 1).await?, 0);
        Ok(())
    })
    .await;
}
