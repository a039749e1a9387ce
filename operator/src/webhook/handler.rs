//! Answers admission reviews.

use super::inject::{Injection, inject};
use super::router_container::RouterPod;
use crate::fleet::{Catalog, CatalogReceiver};
use axum::Json;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use std::sync::Arc;
use std::time::Duration;

/// How long a pod waits for its policy. Both may come from one manifest, and this replica hears of the policy a
/// moment after the API server took it, or seconds after if the cluster is busy: a pod that gets no router stays
/// without one. Below the webhook's own timeout of 5 s.
const POLICY_DEADLINE: Duration = Duration::from_secs(3);

/// What the webhook works with.
#[derive(Clone)]
pub struct State {
    /// All policies.
    pub catalog: CatalogReceiver,
    /// What a sidecar is told.
    pub router: Arc<RouterPod>,
}

/// Admits a pod, with a sidecar where one belongs.
pub async fn admit(
    axum::extract::State(state): axum::extract::State<State>,
    Json(review): Json<AdmissionReview<Pod>>,
) -> Json<AdmissionReview<DynamicObject>> {
    let request: AdmissionRequest<Pod> = match review.try_into() {
        Ok(request) => request,
        Err(error) => return Json(AdmissionResponse::invalid(error.to_string()).into_review()),
    };
    let response = AdmissionResponse::from(&request);
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let Some(pod) = &request.object else {
        return Json(response.into_review());
    };
    let response = match decide(state, pod, namespace).await {
        None => response.deny("the Flotilla operator is still reading the cluster; try again"),
        Some(Injection::Unchanged) => response,
        Some(Injection::Warn(message)) => {
            let mut response = response;
            response.warnings = Some(vec![message]);
            response
        }
        Some(Injection::Patch(patch)) => {
            let refused = AdmissionResponse::from(&request);
            response.with_patch(patch).unwrap_or_else(|error| refused.deny(error.to_string()))
        }
    };
    Json(response.into_review())
}

/// The injection by the newest catalog; none without a catalog.
async fn decide(mut state: State, pod: &Pod, namespace: &str) -> Option<Injection> {
    let by = |catalog: &Option<Arc<Catalog>>| {
        catalog.as_ref().map(|catalog| inject(pod, namespace, catalog, &state.router))
    };
    let settled = |catalog: &Option<Arc<Catalog>>| !matches!(by(catalog), None | Some(Injection::Warn(_)));
    // When the time is over, or the index has ended, the newest catalog has to do.
    let _ = tokio::time::timeout(POLICY_DEADLINE, state.catalog.wait_for(settled)).await;
    by(&state.catalog.borrow())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::inject::tests::{catalog, pod, router};
    use serde_json::json;
    use tokio::sync::watch;

    #[tokio::test(start_paused = true)]
    async fn a_pod_waits_a_moment_for_the_policy_of_its_own_manifest() {
        let (sender, receiver) = watch::channel(Some(Arc::new(Catalog::default())));
        let state = State { catalog: receiver, router: Arc::new(router()) };
        let pod = pod(
            &json!({"app": "chat", "flotilla.dev/inject": "enabled"}),
            &json!({"containers": [{"name": "app"}]}),
        );
        let alone = decide(state.clone(), &pod, "apps").await;
        assert!(matches!(alone, Some(Injection::Warn(_))), "{alone:?}");

        let (decision, ()) = tokio::join!(decide(state, &pod, "apps"), async {
            tokio::time::sleep(POLICY_DEADLINE / 2).await;
            sender.send_replace(Some(Arc::new(catalog())));
        });
        assert!(matches!(decision, Some(Injection::Patch(_))), "{decision:?}");
    }
}
