//! Mode External: the cluster's own HorizontalPodAutoscaler scales a model by the operator's metrics.

use crate::stage::{MODEL, START, Stage, all_good, scaled, with_stage};
use flotilla_e2e::harness::{
    App, Ask, HarnessError, JSON_SERVER, Result, TestNamespace, image, leader, wait_for,
};
use futures::FutureExt as _;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

const SCRIPT: &str = include_str!("external_metrics.py");
/// One for the whole cluster: no other test may have one.
const API: &str = "v1beta1.external.metrics.k8s.io";
const METRIC: &str = "flotilla_operator_scaling_offered_tokens_per_second";

#[tokio::test]
async fn a_horizontal_pod_autoscaler_scales_by_the_operators_figures() {
    with_stage("scaling_hpa", &json!({"mode": "External", "maxReplicas": 2}), async |stage| {
        stage.has("one replica", |status| status.ready_replicas == 1).await?;
        serve_metrics(&stage.namespace).await?;
        let run = AssertUnwindSafe(follows(&stage)).catch_unwind().await;
        // Where it stays and nobody answers any more, no namespace of the cluster can be deleted.
        let services: Api<APIService> = Api::all(stage.namespace.client.clone());
        services.delete(API, &DeleteParams::default()).await.map_err(HarnessError::api("delete the API"))?;
        run.unwrap_or_else(|panic| resume_unwind(panic))
    })
    .await;
}

async fn follows(stage: &Stage) -> Result<()> {
    stage.namespace.apply(&autoscaler(&stage.namespace.name).to_string()).await?;
    let app = stage.application().await?;
    app.start_loop(&stage.namespace, &busy().streamed(), Duration::from_millis(100)).await?;
    let status = stage.has("two replicas", |status| status.ready_replicas == 2).await?;
    assert_eq!(scaled(&status).map(|scaling| scaling.reason.as_str()), Some("External"));
    assert_eq!(stage.spec_replicas().await?, 2, "written by the autoscaler");
    all_good(&app.stop_loop(&stage.namespace).await?);

    goes_down(stage, &app).await?;
    let reason = |hpa: &HorizontalPodAutoscaler| {
        let conditions = hpa.status.clone().and_then(|status| status.conditions).unwrap_or_default();
        let active = conditions.iter().any(|c| c.type_ == "ScalingActive" && c.status == "True");
        if active { Ok(()) } else { Err(format!("{conditions:?}")) }
    };
    wait_for(&stage.namespace.api(), "fleet", "read its metric", START, reason).await
}

/// With little to do one replica goes: the one that routers have left.
async fn goes_down(stage: &Stage, app: &App) -> Result<()> {
    app.start_loop(&stage.namespace, &Ask::new(MODEL, "Hi.").streamed(), Duration::from_secs(2)).await?;
    let marked = stage.marked().await?;
    stage.has("one pod", |status| status.replicas == 1).await?;
    all_good(&app.stop_loop(&stage.namespace).await?);
    let left = stage.pods_left().await?;
    assert!(!left.contains(&marked), "{marked} was drained, {left:?} stayed");
    assert_eq!(stage.spec_replicas().await?, 1);
    Ok(())
}

fn busy() -> Ask {
    Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") }
}

fn autoscaler(namespace: &str) -> Value {
    let labels = json!({"namespace": namespace, "model": "fleet"});
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "fleet"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "name": "fleet"},
            "minReplicas": 1, "maxReplicas": 2,
            "metrics": [{"type": "External", "external": {
                "metric": {"name": METRIC, "selector": {"matchLabels": labels}},
                "target": {"type": "AverageValue", "averageValue": "12"},
            }}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    })
}

/// Registers the API and waits until the API server reaches who serves it.
async fn serve_metrics(namespace: &TestNamespace) -> Result<()> {
    let name = "external-metrics";
    let host = format!("{name}.{}.svc", namespace.name);
    let operator = leader(&namespace.client).await?.status.unwrap_or_default().pod_ip.unwrap_or_default();
    let pair = rcgen::generate_simple_self_signed([host]).unwrap();
    let secret = json!({"tls.crt": pair.cert.pem(), "tls.key": pair.signing_key.serialize_pem()});
    let objects = [
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": secret}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"serve.py": SCRIPT, "json_server.py": JSON_SERVER}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 443, "targetPort": 6443}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
            "volumes": [{"name": "script", "configMap": {"name": name}}, {"name": "tls", "secret": {"secretName": name}}],
            "containers": [{
                "name": "serve", "image": image("flotilla/openai-client:dev"), "args": ["/script/serve.py"],
                "env": [{"name": "METRICS_URL", "value": format!("http://{operator}:8080/metrics")}],
                "volumeMounts": [{"name": "script", "mountPath": "/script"}, {"name": "tls", "mountPath": "/tls"}],
                "readinessProbe": {"tcpSocket": {"port": 6443}, "periodSeconds": 1},
            }],
        }}),
        json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": API}, "spec": {
            "group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"name": name, "namespace": namespace.name},
        }}),
    ];
    for object in objects {
        namespace.apply(&object.to_string()).await?;
    }
    let available = |service: &APIService| {
        let conditions = service.status.clone().and_then(|status| status.conditions).unwrap_or_default();
        let available = conditions.iter().any(|c| c.type_ == "Available" && c.status == "True");
        if available { Ok(()) } else { Err(format!("{conditions:?}")) }
    };
    wait_for(&Api::all(namespace.client.clone()), API, "be available", START, available).await
}
