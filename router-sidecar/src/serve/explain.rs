//! `POST /explain`: what would become of the request in the body. Below it stands the path that it would go to;
//! `/explain` alone means chat completions.

use super::operation::{not_configured, unread};
use super::{AnswerBody, Router};
use crate::error::Rejection;
use crate::explain::{Explanation, explain};
use crate::request::{self, Operation};
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;

const PATH: &str = "/explain";

/// The operation to explain, if that is what is asked for.
pub(super) fn asked(method: &Method, path: &str) -> Option<Operation> {
    let operation = path.strip_prefix(PATH).filter(|_| method == Method::POST)?;
    if operation.is_empty() { Some(Operation::Chat) } else { Operation::at(operation) }
}

/// Answers it.
pub(super) async fn answer(
    router: &Router,
    operation: Operation,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    match explained(router, operation, request).await {
        Ok(explanation) => {
            // Plain strings and numbers: serialising them into memory cannot fail.
            let json = serde_json::to_vec(&explanation).unwrap_or_default();
            let mut response = Response::new(AnswerBody::whole(json.into()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(rejection) => rejection.into_response().map(AnswerBody::whole),
    }
}

async fn explained(
    router: &Router,
    operation: Operation,
    request: Request<Incoming>,
) -> Result<Explanation, Rejection> {
    let snapshot = router.store.current().ok_or_else(not_configured)?;
    let (parts, body) = request.into_parts();
    let limits = router.limits;
    let mut held = router.buffers.hold();
    let most = limits.body.min(limits.buffered);
    let body = request::read(body, most, limits.body_deadline, &mut held).await.map_err(|e| unread(&e))?;
    explain(&snapshot, operation, &parts.headers, &body)
}
