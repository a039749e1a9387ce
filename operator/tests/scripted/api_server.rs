//! A small API server in memory: get, create, replace, apply, delete by path; every request is logged, and each may
//! be made to fail.

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How one request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refused with this status, nothing done.
    Refused(u16),
    /// Done, but the answer says 500.
    DoneAndLost,
}

#[derive(Default)]
pub(crate) struct State {
    /// Live objects by path.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Answers that are no objects, by path: logs.
    pub(crate) texts: BTreeMap<String, String>,
    /// The queries of what came, in order.
    pub(crate) queries: Vec<String>,
    /// What came: method and path.
    pub(crate) log: Vec<(Method, String)>,
    /// By the number of the request, counted from 0.
    pub(crate) faults: BTreeMap<usize, Fault>,
    /// How long it takes until a request of a method is carried out.
    pub(crate) takes: HashMap<Method, Duration>,
    /// So many replacements come too late from now on.
    pub(crate) late_puts: u32,
    version: u64,
}

#[derive(Clone, Default)]
pub(crate) struct ApiServer(pub(crate) Arc<Mutex<State>>);

impl ApiServer {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let takes = server.0.lock().unwrap().takes.get(&parts.method).copied();
                if let Some(takes) = takes {
                    tokio::time::sleep(takes).await;
                }
                let (status, answer) = server.0.lock().unwrap().respond(&parts, body);
                let mut response = Response::new(Body::from(answer.into_bytes()));
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        Client::new(service, "apps")
    }

    pub(crate) fn fail(&self, request: usize, fault: Fault) {
        self.0.lock().unwrap().faults.insert(request, fault);
    }

    /// Stores an object as if somebody else had written it.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().store(path, object);
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Requests that write, in order.
    pub(crate) fn writes(&self) -> Vec<(Method, String)> {
        let state = self.0.lock().unwrap();
        state.log.iter().filter(|(method, _)| method != Method::GET).cloned().collect()
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().log.len()
    }
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let uid = self
            .objects
            .get(path)
            .map_or(json!(format!("uid-{}", self.version)), |old| old["metadata"]["uid"].clone());
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["uid"] = uid;
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn respond(&mut self, parts: &Parts, body: Value) -> (StatusCode, String) {
        self.queries.push(parts.uri.query().unwrap_or_default().to_owned());
        let path = parts.uri.path();
        let text = self.texts.get(path).cloned();
        let (status, answer) = self.answer(&parts.method, path, body);
        match text {
            Some(text) if status == StatusCode::NOT_FOUND => (StatusCode::OK, text),
            _ => (status, answer.to_string()),
        }
    }

    fn answer(&mut self, method: &Method, path: &str, body: Value) -> (StatusCode, Value) {
        let number = self.log.len();
        self.log.push((method.clone(), path.to_owned()));
        let fault = self.faults.get(&number).copied();
        if let Some(Fault::Refused(code)) = fault {
            return error(code);
        }
        if method == Method::PUT && self.late_puts > 0 {
            self.late_puts -= 1;
            return error(409);
        }
        let done = self.carry_out(method, path, body);
        if fault == Some(Fault::DoneAndLost) { error(500) } else { done }
    }

    fn carry_out(&mut self, method: &Method, path: &str, body: Value) -> (StatusCode, Value) {
        let live = self.objects.get(path).cloned();
        match (method.as_str(), live) {
            ("GET", Some(object)) => (StatusCode::OK, object),
            ("GET" | "PUT" | "DELETE", None) => error(404),
            ("POST", _) => {
                let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                let path = format!("{path}/{name}");
                if self.objects.contains_key(&path) {
                    return error(409);
                }
                (StatusCode::CREATED, self.store(&path, body))
            }
            ("PUT", Some(object))
                if body["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] =>
            {
                error(409)
            }
            ("PATCH", _) if path.ends_with("/status") => {
                let path = path.trim_end_matches("/status");
                let Some(mut object) = self.objects.get(path).cloned() else {
                    return error(404);
                };
                object["status"] = body["status"].clone();
                (StatusCode::OK, self.store(path, object))
            }
            // What the cluster's controllers wrote stays.
            ("PATCH", Some(live)) if !live["status"].is_null() => {
                let status = live["status"].clone();
                let body = merged(body, status);
                (StatusCode::OK, self.store(path, body))
            }
            ("PUT" | "PATCH", _) => (StatusCode::OK, self.store(path, without_nulls(body))),
            ("DELETE", Some(object)) => {
                self.objects.remove(path);
                (StatusCode::OK, object)
            }
            other => panic!("the test's API server does not know {other:?} {path}"),
        }
    }
}

/// In a merge patch, null removes a field.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        other => other,
    }
}

fn merged(mut body: Value, status: Value) -> Value {
    if body["status"].is_null() {
        body["status"] = status;
    }
    body
}

fn error(code: u16) -> (StatusCode, Value) {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        _ => "InternalError",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "scripted", "reason": reason, "code": code});
    (StatusCode::from_u16(code).unwrap(), status)
}
