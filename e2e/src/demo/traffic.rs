//! The application's requests.

use super::{Cluster, NAMESPACE};
use crate::command;
use crate::error::{Error, Result};
use crate::progress::Step;
use serde::Deserialize;

/// What became of one request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Request {
    /// `plain`, `phi` or `long`.
    pub(super) kind: String,
    /// Whether it was answered in full.
    pub(super) ok: bool,
    /// The backend that answered.
    pub(super) backend: Option<String>,
    /// Prompt tokens of its usage.
    pub(super) prompt: u64,
    /// Completion tokens of its usage.
    pub(super) completion: u64,
    /// Seconds it took.
    pub(super) seconds: f64,
    /// The answer, of one request.
    #[serde(default)]
    pub(super) text: Option<String>,
    /// Why it was not answered.
    #[serde(default)]
    pub(super) error: Option<String>,
}

/// What stands for health data in the prompts; the stand-in looks for it in every byte.
const MARKER: &str = "MRN-7731904";

/// Runs the script in the application's container.
pub(super) fn send(cluster: &Cluster) -> Result<Vec<Request>> {
    let step = Step::start("200 requests with the official openai client, through 127.0.0.1:8089");
    python(cluster, &format!("{CALL}\ncall('POST', '/_script', {{'markers': ['{MARKER}']}})"))?;
    let lines = python(cluster, include_str!("traffic.py"))?;
    let read = |line: &str| {
        serde_json::from_str(line)
            .map_err(|source| Error::Json { what: format!("the line {line:?}"), source })
    };
    let requests: Vec<Request> = lines.lines().map(read).collect::<Result<_>>()?;
    step.done_with(&format!("{} answered", requests.iter().filter(|request| request.ok).count()));
    Ok(requests)
}

/// How many requests with health data the external API received, by its own account.
pub(super) fn leaked(cluster: &Cluster) -> Result<u64> {
    let seen = python(cluster, &format!("{CALL}\nprint(call('GET', '/_seen'))"))?;
    let seen: serde_json::Value = serde_json::from_str(&seen)
        .map_err(|source| Error::Json { what: "what the stand-in has seen".to_owned(), source })?;
    seen["markers"][MARKER]
        .as_u64()
        .ok_or_else(|| Error::Content(format!("the stand-in did not look for {MARKER}: {seen}")))
}

/// Calls the stand-in from within the cluster.
const CALL: &str = "
import json, urllib.request
def call(method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    headers = {'content-type': 'application/json'}
    request = urllib.request.Request('http://provider' + path, data, headers, method=method)
    return urllib.request.urlopen(request, timeout=10).read().decode()
";

fn python(cluster: &Cluster, script: &str) -> Result<String> {
    let args = ["exec", "-i", "-n", NAMESPACE, "chat", "-c", "chat", "--", "/usr/bin/python3.11", "-"];
    command::output_with_input(&mut cluster.kubectl(args), script)
}
