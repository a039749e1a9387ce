//! HTTP to pods and Services through the API server, which works from outside the cluster.

use super::error::{HarnessError, Result};
use super::namespace::TestNamespace;
use http::{Method, Request};
use serde_json::Value;

/// Who is called.
#[derive(Debug, Clone)]
pub enum Target {
    /// A Service by name, on port 80.
    Service(String),
    /// A pod by name and port.
    Pod(String, u16),
}

impl Target {
    fn path(&self, namespace: &str) -> String {
        let (resource, name) = match self {
            Self::Service(name) => ("services", format!("{name}:80")),
            Self::Pod(name, port) => ("pods", format!("{name}:{port}")),
        };
        format!("/api/v1/namespaces/{namespace}/{resource}/{name}/proxy")
    }
}

/// One call; returns the body of a good answer.
///
/// # Errors
/// If the target cannot be reached or answers with an error.
pub async fn call(
    namespace: &TestNamespace,
    target: &Target,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<String> {
    let what = format!("{method} {path} of {target:?}");
    let uri = format!("{}{path}", target.path(&namespace.name));
    let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .body(bytes)
        .map_err(|error| HarnessError::Answer { what: what.clone(), text: error.to_string() })?;
    let answer = namespace.client.request_text(request).await;
    answer.map_err(HarnessError::api(what))
}

/// Posts JSON and reads JSON.
///
/// # Errors
/// As [`call`], or if the answer is not JSON.
pub async fn post_json(
    namespace: &TestNamespace,
    target: &Target,
    path: &str,
    body: &Value,
) -> Result<Value> {
    let text = call(namespace, target, Method::POST, path, Some(body)).await?;
    serde_json::from_str(&text)
        .map_err(|_| HarnessError::Answer { what: format!("the answer of {target:?} to {path}"), text })
}
