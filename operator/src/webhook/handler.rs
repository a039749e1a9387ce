//! Answers admission reviews.

use super::inject::{Injection, inject};
use super::router_container::RouterPod;
use crate::fleet::CatalogReceiver;
use axum::Json;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use std::sync::Arc;

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
    let catalog = state.catalog.borrow().clone();
    let response = match (catalog, &request.object) {
        (None, _) => response.deny("the Flotilla operator is still reading the cluster; try again"),
        (Some(_), None) => response,
        (Some(catalog), Some(pod)) => match inject(pod, namespace, &catalog, &state.router) {
            Injection::Unchanged => response,
            Injection::Warn(message) => {
                let mut response = response;
                response.warnings = Some(vec![message]);
                response
            }
            Injection::Patch(patch) => {
                let refused = AdmissionResponse::from(&request);
                response.with_patch(patch).unwrap_or_else(|error| refused.deny(error.to_string()))
            }
        },
    };
    Json(response.into_review())
}
