//! Watches the kinds of resource.k8s.io/v1, where the API server has them.

use super::Backoff;
use super::capacity::Sources;
use super::watches::each;
use crate::decide::placement::DRIVER;
use crate::fleet::{Devices, Trigger};
use crate::kube_ext::{CallError, within};
use flotilla_crds::{ModelDeployment, labels};
use futures::StreamExt as _;
use k8s_openapi::api::resource::v1::{DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice};
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// The group and version of structured parameters, stable since Kubernetes 1.34.
const API: &str = "resource.k8s.io/v1";
/// How often an API server without them is asked again: it may have been upgraded.
const ASK_AGAIN: Duration = Duration::from_mins(5);
/// Slices, claims and the class.
const LISTS: u8 = 3;

/// What the watches feed.
pub(super) struct Fed {
    pub(super) devices: Arc<Devices>,
    pub(super) sources: Arc<Sources>,
    pub(super) templates: Writer<ResourceClaimTemplate>,
    pub(super) models: Trigger<DeserializeGuard<ModelDeployment>>,
}

/// Runs until it is dropped.
pub(super) async fn watch(client: Client, fed: Fed) -> anyhow::Result<()> {
    let Fed { devices, sources, templates, models } = fed;
    let backoff = Backoff::default();
    loop {
        match is_served(&client).await {
            Ok(true) => break,
            Ok(false) => {
                backoff.reset(API);
                sources.complete(&sources.devices);
                tokio::time::sleep(ASK_AGAIN).await;
            }
            // Who runs on claims stays on them until it is known whether they are answered.
            Err(error) => {
                tracing::warn!(%error, "no GPU is placed by claims until the API server says whether it has them");
                tokio::time::sleep(backoff.next(API)).await;
            }
        }
    }
    let listed = Arc::new(AtomicU8::new(0));
    let heard = |news: bool, complete: bool| {
        if complete && listed.fetch_add(1, Ordering::AcqRel) + 1 == LISTS {
            sources.complete(&sources.devices);
        } else if news {
            sources.changed.notify_one();
        }
        std::future::ready(())
    };
    let of_driver = watcher::Config::default().fields(&format!("spec.driver={DRIVER}"));
    let slices =
        each(watcher(Api::<ResourceSlice>::all(client.clone()), of_driver).default_backoff(), |event| {
            let complete = matches!(event, watcher::Event::InitDone);
            heard(devices.slice(event), complete)
        });
    let all = watcher::Config::default();
    let claims = each(watcher(Api::<ResourceClaim>::all(client.clone()), all).default_backoff(), |event| {
        let complete = matches!(event, watcher::Event::InitDone);
        heard(devices.claim(event), complete)
    });
    let of_driver = watcher::Config::default().fields(&format!("metadata.name={DRIVER}"));
    let classes =
        each(watcher(Api::<DeviceClass>::all(client.clone()), of_driver).default_backoff(), |event| {
            let complete = matches!(event, watcher::Event::InitDone);
            heard(devices.class(event), complete)
        });
    let ours = watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
    let templates = watcher(Api::<ResourceClaimTemplate>::all(client), ours)
        .default_backoff()
        .reflect(templates)
        .touched_objects();
    let templates = each(templates.boxed(), |template: ResourceClaimTemplate| {
        let models = models.clone();
        async move { super::watches::touch(&models, &template).await }
    });
    tokio::try_join!(slices, claims, classes, templates)?;
    Ok(())
}

/// Whether the API server has the kinds. That it does not say so now is no answer: it may have them all the same.
async fn is_served(client: &Client) -> Result<bool, CallError> {
    let answer = within(|| format!("could not ask for {API}"), client.list_api_group_resources(API)).await;
    match answer {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == "resourceslices")),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::client::Body;
    use serde_json::json;
    use std::convert::Infallible;

    /// An API server that answers everything like this.
    fn answering(code: u16, answer: &serde_json::Value) -> Client {
        let answer = answer.to_string();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let mut response = http::Response::new(Body::from(answer.clone().into_bytes()));
            *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
            async move { Ok::<_, Infallible>(response) }
        });
        Client::new(service, "flotilla")
    }

    fn list(names: &[&str]) -> serde_json::Value {
        let resource = |name: &&str| json!({"name": name, "singularName": "", "namespaced": false, "kind": "K", "verbs": ["list"]});
        let resources: Vec<_> = names.iter().map(resource).collect();
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API, "resources": resources})
    }

    fn failure(code: u16) -> serde_json::Value {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "m", "reason": "r", "code": code})
    }

    #[tokio::test]
    async fn only_an_answer_says_that_claims_are_not_served() {
        let served = async |code, answer| is_served(&answering(code, &answer)).await.ok();
        assert_eq!(served(200, list(&["deviceclasses", "resourceslices"])).await, Some(true));
        assert_eq!(served(200, list(&["deviceclasses"])).await, Some(false));
        assert_eq!(served(404, failure(404)).await, Some(false));
        for code in [403, 429, 500, 503] {
            assert_eq!(served(code, failure(code)).await, None, "{code}");
        }
    }
}
