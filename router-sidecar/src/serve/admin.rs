//! Paths for kubelets and Prometheus; on the admin port, and on the data port as well.

use super::{AnswerBody, Router, explain};
use crate::error::{Code, Rejection};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

/// Answers one request on the admin port.
pub async fn admin_service(router: &Router, request: Request<Incoming>) -> Response<AnswerBody> {
    if let Some(operation) = explain::asked(request.method(), request.uri().path()) {
        return explain::answer(router, operation, request).await;
    }
    let path = request.uri().path();
    let unknown = || {
        let message = format!("there is no {path}: use /healthz, /readyz, /metrics or POST /explain");
        Rejection::new(Code::UnknownUrl, message).into_response()
    };
    answer(router, request.method(), path).unwrap_or_else(unknown).map(AnswerBody::whole)
}

/// The answer, if it is one of these paths.
pub(super) fn answer(router: &Router, method: &Method, path: &str) -> Option<Response<Bytes>> {
    if method != Method::GET {
        return None;
    }
    match path {
        // Alive is whoever can answer: a router without config waits for one, a restart would not help it.
        "/healthz" => Some(text(StatusCode::OK, "ok\n")),
        "/readyz" if router.is_ready() => Some(text(StatusCode::OK, "ok\n")),
        "/readyz" => Some(text(StatusCode::SERVICE_UNAVAILABLE, "no config yet, or draining\n")),
        "/metrics" => {
            let snapshot = router.store.current();
            Some(match router.metrics.render(router.buffered_bytes(), snapshot.as_deref()) {
                Ok(metrics) => text(StatusCode::OK, metrics),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            })
        }
        _ => None,
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}
