//! Clients' keys: Secrets that come, change and go, and who is let in meanwhile.

use super::objects::{KEY, SOON, application, apply, out, policy, provider, secret, wait, with_flotilla};
use flotilla_crds::labels;
use flotilla_e2e::harness::{App, Ask, HarnessError, Result, TestNamespace, wait_until};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

const FIRST: &str = "sk-client-51c07be2a9";
const SECOND: &str = "sk-client-8d40fa6e13";

/// The Secret of a client of the policy.
fn client(key: &str) -> Value {
    let mut object = secret("team-a", "apiKey", key);
    object["metadata"]["labels"] = json!({labels::CLIENT_OF: "guarded"});
    object
}

/// Waits until a client with this key gets this status.
async fn gets(namespace: &TestNamespace, app: &App, key: Option<&str>, status: u16) -> Result<()> {
    wait_until(&format!("status {status} for {key:?}"), SOON, async || {
        let ask = Ask::new("assistant", "Hello");
        let ask = key.map_or(ask.clone(), |key| ask.header("authorization", &format!("Bearer {key}")));
        let reply = app.ask(namespace, &ask.times(1)).await.map_err(|error| error.to_string())?.remove(0);
        if reply.status == status { Ok(()) } else { Err(format!("{reply:?}")) }
    })
    .await
}

#[tokio::test]
async fn a_clients_key_counts_for_as_long_as_its_secret_is_there() {
    with_flotilla("clients", async |_, namespace| {
        provider(&namespace).await?;
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let mut object =
            policy("guarded", &[out(&namespace, "out")], &json!({"backends": [{"name": "out"}]}));
        object["spec"]["clientKeys"] = json!({});
        apply(&namespace, &object).await?;
        let app = application(&namespace).await?;
        wait(&namespace, "guarded", "Ready", "True", "Programmed").await?;
        gets(&namespace, &app, None, 401).await?;
        gets(&namespace, &app, Some(FIRST), 401).await?;

        apply(&namespace, &client(FIRST)).await?;
        gets(&namespace, &app, Some(FIRST), 200).await?;
        gets(&namespace, &app, None, 401).await?;
        apply(&namespace, &client(SECOND)).await?;
        gets(&namespace, &app, Some(SECOND), 200).await?;
        gets(&namespace, &app, Some(FIRST), 401).await?;

        let secrets: Api<Secret> = namespace.api();
        let deleted = secrets.delete("team-a", &DeleteParams::default()).await;
        deleted.map_err(HarnessError::api("delete the client's Secret"))?;
        gets(&namespace, &app, Some(SECOND), 401).await
    })
    .await;
}
