//! The stand-in provider as a pod with a Service: `http://provider.NAMESPACE.svc/v1`.

use super::error::Result;
use super::install::image;
use super::namespace::TestNamespace;
use super::wait::wait_for;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use std::time::Duration;

/// The name of its pod and Service.
pub const PROVIDER: &str = "provider";
/// To pull the image while other tests start pods.
const START: Duration = Duration::from_mins(4);

/// Starts it and waits until it listens. It takes only the key `apiKey` of this Secret; without one, everybody's.
///
/// # Errors
/// If it does not start in time.
pub async fn start_provider(namespace: &TestNamespace, secret: Option<&str>) -> Result<()> {
    let key = secret.map(|name| {
        json!({"name": "FLOTILLA_FAKE_PROVIDER_KEY", "valueFrom": {"secretKeyRef": {"name": name, "key": "apiKey"}}})
    });
    let env: Vec<_> = key.into_iter().collect();
    let objects = [
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": PROVIDER, "labels": {"app": PROVIDER}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "containers": [{
                "name": PROVIDER, "image": image("flotilla/fake-provider:dev"), "args": ["--listen=0.0.0.0:9100"],
                "env": env,
                "ports": [{"name": "http", "containerPort": 9100}],
                "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
            }],
        }}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": PROVIDER}, "spec": {
            "selector": {"app": PROVIDER}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        }}),
    ];
    for object in objects {
        namespace.apply(&object.to_string()).await?;
    }
    wait_for(&namespace.api(), PROVIDER, "listen", START, |pod: &Pod| {
        let conditions = pod.status.clone().unwrap_or_default().conditions.unwrap_or_default();
        let ready = conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        if ready { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await
}
