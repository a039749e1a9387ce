//! Which pods get a router.

use super::objects::{out, policy, with_flotilla};
use flotilla_e2e::command::command;
use flotilla_e2e::harness::{Cluster, Result, TestNamespace, image};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

/// Has kubectl create a pod; returns what it printed, warnings included, and the pod.
async fn create(
    cluster: &Cluster,
    namespace: &TestNamespace,
    name: &str,
    labels: &Value,
) -> Result<(String, Pod)> {
    create_after(&[], cluster, namespace, name, labels).await
}

/// The same with other objects before it in the same manifest.
async fn create_after(
    others: &[Value],
    cluster: &Cluster,
    namespace: &TestNamespace,
    name: &str,
    labels: &Value,
) -> Result<(String, Pod)> {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": image("flotilla/openai-client:dev"), "args": ["-c", "pass"]}]}});
    let items = [others, &[pod]].concat();
    let manifest = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let kubectl = cluster.kubectl(["apply", "-n", &namespace.name, "-f", "-"])?;
    let script = "printf '%s' \"$0\" | \"$@\" 2>&1";
    let mut shell = command("/bin/sh", ["-c", script, &manifest.to_string()]);
    shell.arg(kubectl.get_program()).args(kubectl.get_args());
    shell.envs(kubectl.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let said = flotilla_e2e::command::output(&mut shell)?;
    Ok((said, namespace.api::<Pod>().get(name).await.unwrap()))
}

fn has_router(pod: &Pod) -> bool {
    let spec = pod.spec.clone().unwrap();
    spec.init_containers.unwrap_or_default().iter().any(|c| c.name == "flotilla-router")
}

#[tokio::test]
async fn only_pods_that_ask_and_match_get_a_router_and_others_are_told() {
    with_flotilla("attach", async |cluster, namespace| {
        let asks = json!({"app": "chat", "flotilla.dev/inject": "enabled"});
        let (said, pod) = create(&cluster, &namespace, "too-early", &asks).await?;
        assert!(!has_router(&pod) && said.contains("create the policy first"), "{said}");

        // One manifest with both: no replica of the operator has to be waited for.
        let attached = policy("attached", &[out(&namespace, "out")], &json!({"backends": [{"name": "out"}]}));
        let (said, pod) = create_after(&[attached], &cluster, &namespace, "matches", &asks).await?;
        assert!(has_router(&pod) && !said.contains("Warning"), "{said}");
        let other = json!({"app": "other", "flotilla.dev/inject": "enabled"});
        let (said, pod) = create(&cluster, &namespace, "other", &other).await?;
        assert!(
            !has_router(&pod) && said.contains("Warning: no router was added: no accepted RoutingPolicy"),
            "{said}"
        );
        let (said, pod) = create(&cluster, &namespace, "silent", &json!({"app": "chat"})).await?;
        assert!(!has_router(&pod) && !said.contains("Warning"), "{said}");
        Ok(())
    })
    .await;
}
