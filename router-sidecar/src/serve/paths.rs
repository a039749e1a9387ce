//! Paths of the data port.

use super::{AnswerBody, Router, admin, explain, operation};
use crate::error::{Code, Rejection};
use crate::request::Operation;
use crate::snapshot::Model;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// Answers one request of an application.
pub async fn data_service(router: &Arc<Router>, request: Request<Incoming>) -> Response<AnswerBody> {
    const MODELS: &str = "/v1/models";
    let method = request.method();
    if let Some(operation) = Operation::at(request.uri().path()) {
        if method != Method::POST {
            return not_allowed(router, "POST");
        }
        return operation::answer(router, operation, request, Instant::now()).await;
    }
    if let Some(operation) = explain::asked(method, request.uri().path()) {
        return explain::answer(router, operation, request).await;
    }
    match request.uri().path() {
        MODELS if method == Method::GET => models(router),
        MODELS => not_allowed(router, "GET"),
        path if method == Method::GET && path.starts_with("/v1/models/") => {
            model(router, &decoded(&path[MODELS.len() + 1..]))
        }
        path => match admin::answer(router, method, path) {
            Some(response) => response.map(AnswerBody::whole),
            None => router.refuse(Rejection::new(
                Code::UnknownUrl,
                format!(
                    "there is no {method} {path}: use /v1/chat/completions, /v1/embeddings or /v1/models"
                ),
            )),
        },
    }
}

fn models(router: &Router) -> Response<AnswerBody> {
    match router.store.current() {
        Some(snapshot) => json(snapshot.model_list()),
        None => router.refuse(operation::not_configured()),
    }
}

fn model(router: &Router, id: &str) -> Response<AnswerBody> {
    let Some(snapshot) = router.store.current() else {
        return router.refuse(operation::not_configured());
    };
    if snapshot.served(id).is_none() {
        return router.refuse(operation::model_not_found(id));
    }
    // Plain strings and a number: serialising them into memory cannot fail.
    json(serde_json::to_vec(&Model::new(id, snapshot.created())).unwrap_or_default().into())
}

/// A part of a path as it was before it was percent-encoded, once; as it is if that makes no text.
fn decoded(encoded: &str) -> Cow<'_, str> {
    percent_decode_str(encoded).decode_utf8().unwrap_or(encoded.into())
}

fn json(body: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn not_allowed(router: &Router, allowed: &'static str) -> Response<AnswerBody> {
    let rejection = Rejection::new(Code::MethodNotAllowed, format!("use {allowed} on this path"));
    let mut response = router.refuse(rejection);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once_and_what_is_no_code_stays() {
        for (encoded, name) in [
            ("org/name", "org/name"),
            ("org%2Fname%3aadapter", "org/name:adapter"),
            ("%252F", "%2F"),
            ("%C3%BC", "ü"),
            ("%FF", "%FF"),
            ("100%", "100%"),
            ("%+1%2", "%+1%2"),
        ] {
            assert_eq!(decoded(encoded), name);
        }
    }
}
