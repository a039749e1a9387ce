//! The Service: a stable name for people and for clients without a router. Routers balance over the pods directly.

use super::{child_meta, selector};
use crate::model_deployment::validate::Valid;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The Service's port.
pub const SERVICE_PORT: i32 = 80;

pub(super) fn service(valid: &Valid<'_>) -> Service {
    Service {
        metadata: child_meta(valid),
        spec: Some(ServiceSpec {
            selector: Some(selector(valid.name)),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: SERVICE_PORT,
                target_port: Some(IntOrString::String("http".to_owned())),
                app_protocol: Some("http".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
