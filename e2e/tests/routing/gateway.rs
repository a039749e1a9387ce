//! The shared router for applications without a sidecar.

use super::objects::{
    KEY, SOON, apply, by_backend, gateway_serves, out, policy, provider, secret, wait, with_flotilla,
};
use flotilla_crds::RoutingPolicy;
use flotilla_e2e::harness::{App, Ask, HarnessError, wait_until};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

#[tokio::test]
async fn a_gateway_serves_who_has_no_sidecar_and_goes_with_its_policy() {
    with_flotilla("gateway", async |_, namespace| {
        apply(&namespace, &secret("provider-key", "apiKey", KEY)).await?;
        let mut shared = policy("shared", &[out(&namespace, "out")], &json!({"backends": [{"name": "out"}]}));
        shared["spec"]["gateway"] = json!({"replicas": 1});
        apply(&namespace, &shared).await?;
        provider(&namespace).await?;
        wait(&namespace, "shared", "Programmed", "True", "Programmed").await?;
        let policies: Api<RoutingPolicy> = namespace.api();
        let live = policies.get("shared").await.map_err(HarnessError::api("read it"))?;
        let endpoint = live.status.unwrap().endpoint.unwrap();
        assert_eq!(endpoint, format!("http://shared-gateway.{}.svc/v1", namespace.name));

        gateway_serves(&namespace, "shared", 1).await?;
        let app = App::create(&namespace, "batch", &[("app", "batch")], &endpoint).await?;
        let pod = app.ready(&namespace).await?;
        assert!(pod.spec.unwrap().init_containers.is_none(), "it asked for no sidecar");
        let ask = Ask::new("assistant", "Hello");
        by_backend(&app.ask(&namespace, &ask.clone().times(5)).await?);
        by_backend(&app.ask(&namespace, &ask.streamed().times(5)).await?);

        let gone = async || {
            let deployment =
                namespace.api::<Deployment>().get_opt("shared-gateway").await.map_err(|e| e.to_string())?;
            let service =
                namespace.api::<Service>().get_opt("shared-gateway").await.map_err(|e| e.to_string())?;
            if deployment.is_none() && service.is_none() {
                Ok(())
            } else {
                Err("it is still there".to_owned())
            }
        };
        let mut sidecars = shared.clone();
        sidecars["spec"].as_object_mut().unwrap().remove("gateway");
        apply(&namespace, &sidecars).await?;
        wait_until("the gateway to go with its part of the spec", SOON, gone).await?;

        apply(&namespace, &shared).await?;
        wait(&namespace, "shared", "Programmed", "True", "Programmed").await?;
        policies.delete("shared", &DeleteParams::default()).await.map_err(HarnessError::api("delete it"))?;
        wait_until("the gateway to go with its policy", SOON, gone).await?;
        Ok(())
    })
    .await;
}
