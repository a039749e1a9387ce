//! Two policies that claim one model name.

use super::objects::{
    KEY, application, apply, by_backend, out, policy, provider, secret, wait, with_flotilla,
};
use flotilla_crds::RoutingPolicy;
use flotilla_e2e::harness::{Ask, HarnessError};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

#[tokio::test]
async fn the_older_policy_wins_and_the_younger_takes_over_when_it_goes() {
    with_flotilla("claims", async |_, namespace| {
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let named =
            |name: &str| policy(name, &[out(&namespace, name)], &json!({"backends": [{"name": name}]}));
        apply(&namespace, &named("old")).await?;
        wait(&namespace, "old", "Accepted", "True", "Accepted").await?;
        // Ages have a resolution of one second; of one age, the name would decide.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        apply(&namespace, &named("a-young-one")).await?;
        let message = wait(&namespace, "a-young-one", "Accepted", "False", "Conflicted").await?;
        assert!(message.contains("RoutingPolicy old is older and claims model assistant"), "{message}");
        wait(&namespace, "a-young-one", "Stalled", "True", "Conflicted").await?;
        wait(&namespace, "old", "Accepted", "True", "Accepted").await?;

        provider(&namespace).await?;
        let app = application(&namespace).await?;
        let ask = Ask::new("assistant", "Hello").times(5);
        assert_eq!(by_backend(&app.ask(&namespace, &ask).await?), BTreeMap::from([("old".to_owned(), 5)]));
        let policies: Api<RoutingPolicy> = namespace.api();
        policies.delete("old", &DeleteParams::default()).await.map_err(HarnessError::api("delete it"))?;
        wait(&namespace, "a-young-one", "Ready", "True", "Programmed").await?;
        assert_eq!(
            by_backend(&app.ask(&namespace, &ask).await?),
            BTreeMap::from([("a-young-one".to_owned(), 5)])
        );
        Ok(())
    })
    .await;
}
