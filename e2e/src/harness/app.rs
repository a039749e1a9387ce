//! The application pod: the official `openai` Python client, driven from the test.

use super::error::{HarnessError, Result};
use super::install::image;
use super::namespace::TestNamespace;
use super::proxy::{Target, call};
use super::wait::{wait_for, wait_until};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const SCRIPT: &str = include_str!("app.py");
/// `json_server.py`: how Python servers of tests answer; in the folder of the script that imports it.
pub const JSON_SERVER: &str = include_str!("json_server.py");
const IMAGE: &str = "flotilla/openai-client:dev";
const PORT: u16 = 8000;
/// To pull the images, and for the router to get its config.
const START: Duration = Duration::from_mins(3);

/// What the API server says when a webhook does not answer in time, and how long it is asked again: a deployment's
/// controller does so, too.
const NO_WEBHOOK: &str = "failed calling webhook";
const TAKEN: Duration = Duration::from_mins(1);
/// For the first reply of a loop whose model serves.
const FIRST_REPLY: Duration = Duration::from_mins(2);
/// For a router to hear of what a status says.
const FOLLOWS: Duration = Duration::from_mins(1);

/// A running application.
#[derive(Debug, Clone)]
pub struct App {
    /// The pod's name.
    pub name: String,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// The model asked for.
    pub model: String,
    /// The user's message.
    pub prompt: String,
    /// Upper bound of the answer.
    pub max_tokens: u32,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Further request headers.
    pub headers: BTreeMap<String, String>,
}

/// A request, asked several times.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// What is asked.
    #[serde(flatten)]
    pub ask: Ask,
    /// How often.
    pub count: usize,
    /// How many at a time.
    pub concurrency: usize,
}

/// A request of a replay: streamed, with a prompt of so many words.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timed {
    /// When it is asked, in seconds since the start.
    pub at: f64,
    /// The model asked for.
    pub model: String,
    /// Words of the prompt.
    pub prompt_words: u32,
    /// Upper bound of the answer.
    pub max_tokens: u32,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Further request headers.
    pub headers: BTreeMap<String, String>,
}

/// What the client library made of an answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// When it was asked, in seconds since 1970.
    pub at: f64,
    /// How long it took.
    pub seconds: f64,
    /// HTTP status; 0 when no whole answer came.
    pub status: u16,
    /// The backend that the router names.
    #[serde(default)]
    pub backend: Option<String>,
    /// The answer.
    pub text: String,
    /// Messages or stream deltas it came in.
    pub pieces: usize,
    /// Usage as the answer has it.
    #[serde(default)]
    pub prompt_tokens: Option<u64>,
    /// Usage as the answer has it.
    #[serde(default)]
    pub completion_tokens: Option<u64>,
    /// The library's error.
    #[serde(default)]
    pub error: Option<String>,
    /// The error's stable code.
    #[serde(default)]
    pub code: Option<String>,
}

impl Ask {
    /// A short, unmarked request that is not streamed.
    pub fn new(model: &str, prompt: &str) -> Self {
        Self {
            model: model.to_owned(),
            prompt: prompt.to_owned(),
            max_tokens: 4,
            stream: false,
            headers: BTreeMap::new(),
        }
    }

    /// Streamed.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.stream = true;
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Asked so often, four at a time.
    #[must_use]
    pub fn times(self, count: usize) -> Round {
        Round { ask: self, count, concurrency: 4 }
    }
}

impl App {
    /// Creates the pod with these labels and does not wait. It asks `base_url`.
    ///
    /// # Errors
    /// If the API server refuses.
    pub async fn create(
        namespace: &TestNamespace,
        name: &str,
        labels: &[(&str, &str)],
        base_url: &str,
    ) -> Result<Self> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let objects = json!([
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"app.py": SCRIPT, "json_server.py": JSON_SERVER}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 1,
                "volumes": [{"name": "app", "configMap": {"name": name}}],
                "containers": [{
                    "name": "app", "image": image(IMAGE), "args": ["/app/app.py"],
                    "env": [{"name": "OPENAI_BASE_URL", "value": base_url}],
                    "volumeMounts": [{"name": "app", "mountPath": "/app"}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
                }],
            }},
        ]);
        for object in objects.as_array().into_iter().flatten() {
            wait_until(&format!("pod {name} to be taken"), TAKEN, async || {
                match namespace.apply(&object.to_string()).await {
                    Err(error) if error.to_string().contains(NO_WEBHOOK) => {
                        println!("pod {name} is created again: {error}");
                        Err(error.to_string())
                    }
                    taken => Ok(taken),
                }
            })
            .await??;
        }
        Ok(Self { name: name.to_owned() })
    }

    /// Creates the pod, asking for a sidecar and using it, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready.
    pub async fn start(namespace: &TestNamespace, name: &str, labels: &[(&str, &str)]) -> Result<Self> {
        let labels = [labels, &[("flotilla.dev/inject", "enabled")]].concat();
        let app = Self::create(namespace, name, &labels, "http://127.0.0.1:8089/v1").await?;
        app.ready(namespace).await?;
        Ok(app)
    }

    /// Waits until the pod is ready and returns it.
    ///
    /// # Errors
    /// If it does not become so in time.
    pub async fn ready(&self, namespace: &TestNamespace) -> Result<Pod> {
        wait_for(&namespace.api(), &self.name, "be ready", START, |pod: &Pod| {
            let status = pod.status.clone().unwrap_or_default();
            let conditions = status.conditions.unwrap_or_default();
            let ready = conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
            let states = || {
                let all = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
                format!("{:?}", all.map(|c| (&c.name, &c.state)).collect::<Vec<_>>())
            };
            if ready { Ok(pod.clone()) } else { Err(states()) }
        })
        .await
    }

    /// Asks and returns all replies, in no particular order.
    ///
    /// # Errors
    /// If the application cannot be reached; a bad reply is none.
    pub async fn ask(&self, namespace: &TestNamespace, round: &Round) -> Result<Vec<Reply>> {
        let body = serde_json::to_value(round).unwrap_or_default();
        self.send(namespace, Method::POST, "/ask", &body).await
    }

    /// Waits until the router would send such a request to this backend, without sending it. A status is written
    /// before every router has heard of what it says.
    ///
    /// # Errors
    /// If the application cannot be reached, or the router does not come to it in time.
    pub async fn leads_to(&self, namespace: &TestNamespace, ask: &Ask, backend: &str) -> Result<()> {
        let body = serde_json::to_value(ask).unwrap_or_default();
        wait_until(&format!("the router to lead to {backend}"), FOLLOWS, async || {
            let text = call(namespace, &self.target(), Method::POST, "/explain", Some(&body)).await;
            let text = text.map_err(|error| error.to_string())?;
            let told: Value = serde_json::from_str(&text).map_err(|_| text.clone())?;
            let first = |way: &Value| way["targets"][0] == backend;
            let ways = told["ways"].as_array().filter(|ways| !ways.is_empty());
            if ways.is_some_and(|ways| ways.iter().all(first)) { Ok(()) } else { Err(text) }
        })
        .await
    }

    /// Starts asking again and again with this pause.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn start_loop(&self, namespace: &TestNamespace, ask: &Ask, pause: Duration) -> Result<()> {
        let mut body = serde_json::to_value(ask).unwrap_or_default();
        body["pauseMs"] = json!(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        call(namespace, &self.target(), Method::POST, "/loop", Some(&body)).await.map(drop)
    }

    /// Waits until the loop has a reply: a client takes a while to begin.
    ///
    /// # Errors
    /// If none comes in time.
    pub async fn first_reply(&self, namespace: &TestNamespace) -> Result<()> {
        wait_until("a first reply", FIRST_REPLY, async || {
            let done = self.looped(namespace).await.map_err(|error| error.to_string())?;
            if done > 0 { Ok(()) } else { Err("none came yet".to_owned()) }
        })
        .await
    }

    /// How many replies the loop has.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn looped(&self, namespace: &TestNamespace) -> Result<usize> {
        self.done(namespace, "/loop").await
    }

    /// Stops the loop and returns its replies in order.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn stop_loop(&self, namespace: &TestNamespace) -> Result<Vec<Reply>> {
        self.send(namespace, Method::DELETE, "/loop", &json!({})).await
    }

    /// Starts asking each of these at its time.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn start_replay(&self, namespace: &TestNamespace, asks: &[Timed]) -> Result<()> {
        let body = serde_json::to_value(asks).unwrap_or_default();
        call(namespace, &self.target(), Method::POST, "/replay", Some(&body)).await.map(drop)
    }

    /// How many of the replayed requests are answered.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn replayed(&self, namespace: &TestNamespace) -> Result<usize> {
        self.done(namespace, "/replay").await
    }

    async fn done(&self, namespace: &TestNamespace, path: &str) -> Result<usize> {
        let text = call(namespace, &self.target(), Method::GET, path, None).await?;
        let state: Value = serde_json::from_str(&text).unwrap_or_default();
        state["done"]
            .as_u64()
            .and_then(|done| usize::try_from(done).ok())
            .ok_or_else(|| HarnessError::Answer { what: format!("{path} of {}", self.name), text })
    }

    /// Waits for the last replayed request and returns all replies.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub async fn end_replay(&self, namespace: &TestNamespace) -> Result<Vec<Reply>> {
        self.send(namespace, Method::DELETE, "/replay", &json!({})).await
    }

    fn target(&self) -> Target {
        Target::Pod(self.name.clone(), PORT)
    }

    async fn send(
        &self,
        namespace: &TestNamespace,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Vec<Reply>> {
        let text = call(namespace, &self.target(), method, path, Some(body)).await?;
        serde_json::from_str(&text)
            .map_err(|_| HarnessError::Answer { what: format!("the answer of {}", self.name), text })
    }
}
