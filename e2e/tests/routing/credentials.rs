//! Provider keys: missing, wrong, right, and seen by nobody but routers.

use super::objects::{
    KEY, SOON, application, apply, by_backend, out, policy, provider, secret, wait, with_flotilla,
};
use flotilla_crds::RoutingPolicy;
use flotilla_e2e::command::output;
use flotilla_e2e::harness::{Ask, Cluster, INSTALL_NAMESPACE, Result, TestNamespace, wait_until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

const WRONG: &str = "sk-e2e-wrong-88b1";

async fn answers(
    namespace: &TestNamespace,
    app: &flotilla_e2e::harness::App,
    code: Option<&str>,
) -> Result<()> {
    wait_until(&format!("an answer with code {code:?}"), SOON, async || {
        let ask = Ask::new("assistant", "Hello").times(1);
        let reply = app.ask(namespace, &ask).await.map_err(|error| error.to_string())?.remove(0);
        if reply.code.as_deref() == code && (code.is_some() || reply.status == 200) {
            Ok(())
        } else {
            Err(format!("{reply:?}"))
        }
    })
    .await
}

#[tokio::test]
async fn a_secret_reaches_routers_when_it_appears_and_when_it_changes() {
    with_flotilla("secrets", async |cluster, namespace| {
        let backends = [
            out(&namespace, "out"),
            json!({"name": "typo", "modelDeploymentRef": {"name": "no-such-model"}}),
        ];
        let mut object = policy("keys", &backends[..1], &json!({"backends": [{"name": "out"}]}));
        apply(&namespace, &object).await?;
        provider(&namespace).await?;
        let app = application(&namespace).await?;
        let message = wait(&namespace, "keys", "BackendsResolved", "False", "SecretNotFound").await?;
        assert!(message.contains("backend out") && message.contains("no Secret provider-key"), "{message}");
        wait(&namespace, "keys", "Stalled", "True", "SecretNotFound").await?;
        answers(&namespace, &app, Some("no_backend_ready")).await?;

        apply(&namespace, &secret("provider-key", "otherKey", KEY)).await?;
        let message = wait(&namespace, "keys", "BackendsResolved", "False", "SecretKeyInvalid").await?;
        assert!(message.contains("has no key apiKey"), "{message}");

        apply(&namespace, &secret("provider-key", "apiKey", WRONG)).await?;
        wait(&namespace, "keys", "Ready", "True", "Programmed").await?;
        answers(&namespace, &app, Some("upstream_auth")).await?;
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        answers(&namespace, &app, None).await?;

        object["spec"]["backends"] = json!(backends);
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "keys", "Ready", "False", "ModelDeploymentNotFound").await?;
        assert!(message.contains("there is no ModelDeployment no-such-model"), "{message}");
        by_backend(&app.ask(&namespace, &Ask::new("assistant", "Hello").times(3)).await?);

        nobody_has(&cluster, &namespace, &[KEY, WRONG]).await
    })
    .await;
}

/// Looks for keys in everything that a person or a program can read without reading Secrets.
async fn nobody_has(cluster: &Cluster, namespace: &TestNamespace, keys: &[&str]) -> Result<()> {
    let mut places: Vec<(String, String)> = Vec::new();
    let kinds = "pods,configmaps,deployments,replicasets,services,events,routingpolicies,modeldeployments";
    for place in [namespace.name.as_str(), INSTALL_NAMESPACE] {
        let text = output(&mut cluster.kubectl(["get", kinds, "-n", place, "-o", "json"])?)?;
        places.push((format!("objects of {place}"), text));
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), place);
        for pod in pods.list(&ListParams::default()).await.unwrap() {
            let spec = pod.spec.clone().unwrap();
            for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
                let params = LogParams { container: Some(container.name.clone()), ..LogParams::default() };
                let log = pods.logs(&pod.name_any(), &params).await.unwrap_or_default();
                places.push((format!("log of {} {}", pod.name_any(), container.name), log));
            }
        }
    }
    for (place, text) in &places {
        for key in keys {
            assert!(!text.contains(key), "a provider key is in {place}");
        }
    }
    // The search would have found something that is there.
    let live: Api<RoutingPolicy> = namespace.api();
    let uid = live.get("keys").await.unwrap().uid().unwrap();
    assert!(places[0].1.contains(&uid));
    Ok(())
}

#[tokio::test]
async fn the_application_cannot_use_the_routers_identity() {
    with_flotilla("identity", async |_, namespace| {
        apply(
            &namespace,
            &policy("keys", &[out(&namespace, "out")], &json!({"backends": [{"name": "out"}]})),
        )
        .await?;
        wait(&namespace, "keys", "Accepted", "True", "Accepted").await?;
        let app = application(&namespace).await?;
        let pod = serde_json::to_value(app.ready(&namespace).await?).unwrap();
        let names = |container: &Value| -> Vec<String> {
            let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
            mounts.iter().map(|mount| mount["name"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let router = &pod["spec"]["initContainers"][0];
        assert_eq!(router["name"], "flotilla-router");
        assert!(names(router).contains(&"flotilla-router-token".to_owned()), "{router}");
        let application = &pod["spec"]["containers"][0];
        assert!(!names(application).contains(&"flotilla-router-token".to_owned()), "{application}");
        Ok(())
    })
    .await;
}
