//! Asks once for each start of a replica what it took. The only slow step of a reconcile, so it comes last.
//!
//! Each source is a file here and a line in `Observer::ask_one`. A source that is not there, or says nothing, is passed
//! over in silence: a figure that is not known is only not shown. Logs and dcgm-exporter are asked again, a few times, if
//! they cannot be asked; of engines' metrics nobody knows whether there are any.

mod dcgm;
mod due;
mod engine_log;
mod engine_metrics;
mod fetch_log;

pub(super) use due::is_rolled_out;
pub use due::{Next, next, replica};
pub(super) use fetch_log::download;

use super::failure::PodFacts;
use crate::decide::observe::{Reading, load};
use crate::scrape::{ScrapeError, Scraper};
use flotilla_crds::model_deployment::MemorySource;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What the engine says of itself, which is there as soon as it serves; the earlier counts where two say the same.
const OF_ENGINE: &[MemorySource] = &[MemorySource::EngineLog, MemorySource::EngineMetrics];
/// What is known of its GPU from outside.
const OF_GPU: &[MemorySource] = &[MemorySource::Dcgm];
/// dcgm-exporter samples every 30 s, so that before this its figure may be from before the model was loaded.
const SETTLED: Duration = Duration::from_mins(1);
/// One that does not say within this what it does is busy.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How often a source is asked that cannot be asked, and how long after the last time.
const TRIES: u32 = 3;
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// Pods that are remembered. Beyond, all are forgotten, and those without an answer in their status asked again.
const REMEMBERED: usize = 4096;

/// Which sources are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObserverOptions {
    /// Engines of type Custom, at their `/metrics`.
    pub engine_metrics: bool,
    /// The namespace of dcgm-exporter; none where it is not asked.
    pub dcgm_namespace: Option<String>,
}

/// A replica to ask about.
#[derive(Debug, Clone, Copy)]
pub struct Replica<'a> {
    /// The namespace of its pod.
    pub namespace: &'a str,
    /// Its pod.
    pub pod: &'a PodFacts,
    /// The port of its engine's metrics, where they say anything of memory.
    pub metrics_port: Option<u16>,
    /// Its node, if that is a known GPU node whose GPUs are not shared.
    pub gpu_node: Option<&'a str>,
    /// Whether the status has what the engine said of itself.
    pub is_known: bool,
    /// Whether the status has what its GPU holds.
    pub gpu_is_known: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The figures.
    pub reading: Reading,
    /// Who gave them.
    pub sources: Vec<MemorySource>,
}

impl Observation {
    fn add(&mut self, source: MemorySource, reading: Option<Reading>) {
        let Some(reading) = reading else { return };
        let before = self.reading.clone();
        self.reading = std::mem::take(&mut self.reading).or(reading);
        if self.reading != before {
            self.sources.push(source);
        }
    }
}

/// A source could not be asked, so that nobody knows what it would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unasked;

/// What came of asking some sources.
#[derive(Debug, Clone, Default)]
struct Answer {
    found: Option<Observation>,
    /// How often they could not be asked, and when they may be again.
    failed: u32,
    again: Timestamp,
}

impl Answer {
    fn is_due(&self, now: Timestamp) -> bool {
        self.found.is_none() && self.again <= now
    }

    /// Takes in what was found, unless a source is to be asked again.
    fn take(&mut self, found: Observation, all_asked: bool, now: Timestamp) {
        self.failed = self.failed.saturating_add(u32::from(!all_asked));
        if all_asked || self.failed >= TRIES {
            self.found = Some(found);
        } else {
            self.again = now.saturating_add(RETRY).unwrap_or(Timestamp::MAX);
        }
    }
}

/// What is known of one pod.
#[derive(Debug, Clone, Default)]
struct Answers {
    engine: Answer,
    gpu: Answer,
}

/// Asks replicas, and remembers what they answered.
pub struct Observer {
    client: Client,
    scraper: Scraper,
    options: ObserverOptions,
    answers: Mutex<BTreeMap<String, Answers>>,
}

impl Observer {
    /// Asks the API server, and what it watches, with this client.
    pub fn new(client: Client, options: ObserverOptions) -> Self {
        Self { client, scraper: Scraper::new(), options, answers: Mutex::default() }
    }

    /// Whether there is anything to ask about a replica now, or later.
    pub fn next(&self, replica: &Replica<'_>, now: Timestamp) -> Next {
        let Answers { engine, gpu } = self.answers(replica);
        let failed = [(&engine, !replica.is_known), (&gpu, self.asks_gpu(replica))];
        let waits = failed.into_iter().filter(|(answer, asks)| *asks && answer.found.is_none());
        // A clock that was put back waits no longer than the whole time.
        let waits = waits.map(|(answer, _)| answer.again.duration_since(now).min(RETRY));
        let waits = waits.filter_map(|wait| Duration::try_from(wait).ok());
        if let Some(wait) = waits.filter(|wait| !wait.is_zero()).min() {
            return Next::Later(wait);
        }
        let gpu_asked = gpu.found.is_some() || !self.asks_gpu(replica);
        let gpu_said = gpu.found.is_some_and(|gpu| !gpu.sources.is_empty());
        match next(replica, engine.found.is_some(), gpu_asked, now) {
            Next::Nothing if gpu_said && !replica.gpu_is_known => Next::Tell,
            next => next,
        }
    }

    /// What the replica took, from every source that is due.
    pub async fn observe(&self, replica: &Replica<'_>, now: Timestamp) -> Observation {
        let mut answers = self.answers(replica);
        if answers.engine.is_due(now) && !replica.is_known {
            self.ask(OF_ENGINE, replica, &mut answers.engine, now).await;
        }
        // What is written of one ends the asking about the pod: first what the engine says.
        let engine_is_known = replica.is_known || answers.engine.found.is_some();
        let asks_gpu = engine_is_known && self.asks_gpu(replica) && due::is_settled(replica.pod, now);
        if asks_gpu && answers.gpu.is_due(now) {
            self.ask(OF_GPU, replica, &mut answers.gpu, now).await;
        }
        self.remember(replica, answers.clone());
        let mut found = answers.engine.found.unwrap_or_default();
        found.add(MemorySource::Dcgm, answers.gpu.found.map(|gpu| gpu.reading));
        found
    }

    /// Whether an engine answers a request now, or has any waiting. One that takes long to say is busy; one that cannot
    /// be asked, or has no such metrics, is not waited for.
    pub(super) async fn answers_requests(&self, ip: IpAddr, port: u16) -> bool {
        if !self.options.engine_metrics {
            return false;
        }
        match tokio::time::timeout(ANSWERS_WITHIN, self.scraper.metrics(ip, port)).await {
            Ok(Ok(text)) => load::read(&text).is_some_and(|load| load.running + load.waiting > 0.0),
            Ok(Err(ScrapeError::TimedOut { .. })) | Err(_) => true,
            Ok(Err(_)) => false,
        }
    }

    async fn ask(
        &self,
        sources: &[MemorySource],
        replica: &Replica<'_>,
        answer: &mut Answer,
        now: Timestamp,
    ) {
        let (mut found, mut all_asked) = (Observation::default(), true);
        for source in sources {
            match self.ask_one(*source, replica).await {
                Ok(reading) => found.add(*source, reading),
                Err(Unasked) => all_asked = false,
            }
        }
        answer.take(found, all_asked, now);
    }

    async fn ask_one(&self, source: MemorySource, replica: &Replica<'_>) -> Result<Option<Reading>, Unasked> {
        match (source, self.options.dcgm_namespace.as_deref()) {
            (MemorySource::EngineLog, _) => engine_log::ask(&self.client, replica).await,
            (MemorySource::EngineMetrics, _) if self.options.engine_metrics => {
                Ok(engine_metrics::ask(&self.scraper, replica).await)
            }
            (MemorySource::Dcgm, Some(namespace)) => {
                dcgm::ask(&self.client, &self.scraper, namespace, replica).await
            }
            (MemorySource::EngineMetrics | MemorySource::Dcgm, _) => Ok(None),
        }
    }

    fn asks_gpu(&self, replica: &Replica<'_>) -> bool {
        self.options.dcgm_namespace.is_some() && replica.gpu_node.is_some() && !replica.gpu_is_known
    }

    fn answers(&self, replica: &Replica<'_>) -> Answers {
        self.answers.lock().get(&key(replica)).cloned().unwrap_or_default()
    }

    fn remember(&self, replica: &Replica<'_>, answers: Answers) {
        let mut all = self.answers.lock();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(key(replica), answers);
    }
}

fn key(replica: &Replica<'_>) -> String {
    format!("{}/{}", replica.namespace, replica.pod.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;
    use serde_json::json;
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio_util::task::AbortOnDropHandle;

    /// What is believed of an engine with these metrics; none are never told.
    async fn answers(metrics: Option<&'static str>, engine_metrics: bool) -> bool {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = async move || match metrics {
            Some(text) => text,
            None => pending().await,
        };
        let router = Router::new().route("/metrics", get(told));
        let _server =
            AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await }));
        let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let client = Client::try_from(config).unwrap();
        let observer = Observer::new(client, ObserverOptions { engine_metrics, dcgm_namespace: None });
        observer.answers_requests(address.ip(), address.port()).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_answers_if_it_says_so_or_is_too_busy_to_say() {
        const BUSY: &str = "llamacpp:prompt_tokens_total 1\nllamacpp:tokens_predicted_total 1\n\
            llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n";
        const IDLE: &str = "llamacpp:prompt_tokens_total 1\nllamacpp:tokens_predicted_total 1\n\
            llamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n";
        for (metrics, asked, expected) in [
            (Some(BUSY), true, true),
            (Some(IDLE), true, false),
            (Some("other 1\n"), true, false),
            (None, true, true),
            (Some(BUSY), false, false),
        ] {
            assert_eq!(answers(metrics, asked).await, expected, "{metrics:?}, asked {asked}");
        }
    }

    /// An API server that cannot give a log the first few times, and has no dcgm-exporter; and how often it was asked
    /// for that.
    async fn log_after(failures: usize) -> (Client, Arc<AtomicUsize>, AbortOnDropHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, gpu_asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&gpu_asked);
        let exporters = async move || {
            counted.fetch_add(1, Ordering::Relaxed);
            axum::Json(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
        };
        let log = async move || match asked.fetch_add(1, Ordering::Relaxed) {
            before if before < failures => Err(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Ok("llama_kv_cache:        CPU KV buffer size =    16.00 MiB\n"),
        };
        let router = Router::new()
            .route("/api/v1/namespaces/apps/pods/a/log", get(log))
            .route("/api/v1/namespaces/gpu/pods", get(exporters));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
        let config = kube::Config::new(format!("http://{address}").parse().unwrap());
        (Client::try_from(config).unwrap(), gpu_asked, AbortOnDropHandle::new(server))
    }

    #[tokio::test]
    async fn a_log_that_could_not_be_read_is_read_again_a_few_times() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T09:00:00Z"}]}});
        let pod = PodFacts::of(&serde_json::from_value(pod).unwrap());
        let replica = Replica {
            namespace: "apps",
            pod: &pod,
            metrics_port: None,
            gpu_node: Some("n"),
            is_known: false,
            gpu_is_known: false,
        };
        let retry = Duration::try_from(RETRY).unwrap();
        for (failures, expected) in [(1, Some(16 << 20)), (usize::MAX, None)] {
            let (client, gpu_asked, _server) = log_after(failures).await;
            let dcgm_namespace = Some("gpu".to_owned());
            let observer = Observer::new(client, ObserverOptions { engine_metrics: true, dcgm_namespace });
            let mut now: Timestamp = "2026-11-24T10:00:30Z".parse().unwrap();
            let (mut found, mut asked) = (Observation::default(), 0);
            while observer.next(&replica, now) == Next::Ask {
                (found, asked) = (observer.observe(&replica, now).await, asked + 1);
                if let Next::Later(wait) = observer.next(&replica, now) {
                    assert_eq!(wait, retry);
                    let early = observer.observe(&replica, now).await;
                    assert_eq!(early, Observation::default(), "not before it is due");
                    assert_eq!(gpu_asked.load(Ordering::Relaxed), 0, "what it said would end the asking");
                    now += wait;
                }
            }
            assert_eq!(found.reading.kv_cache, expected);
            assert_eq!(asked, u32::try_from(failures).unwrap_or(u32::MAX).saturating_add(1).min(TRIES));
            assert_eq!(gpu_asked.load(Ordering::Relaxed), dcgm::LABELS.len(), "for each way to label it");
            assert_eq!(observer.next(&replica, now), Next::Tell);
        }
    }

    #[test]
    fn the_first_source_counts_and_those_that_add_nothing_are_not_named() {
        let reading = |kv_cache, tokens| Reading { kv_cache, kv_cache_tokens: tokens, ..Reading::default() };
        let mut found = Observation::default();
        found.add(MemorySource::EngineLog, Some(reading(Some(1), None)));
        found.add(MemorySource::EngineMetrics, Some(reading(Some(2), None)));
        found.add(MemorySource::Dcgm, None);
        assert_eq!(
            (found.reading.kv_cache, found.sources.as_slice()),
            (Some(1), &[MemorySource::EngineLog][..])
        );
        found.add(MemorySource::EngineMetrics, Some(reading(None, Some(7))));
        assert_eq!(found.reading, reading(Some(1), Some(7)));
        assert_eq!(found.sources, [MemorySource::EngineLog, MemorySource::EngineMetrics]);
    }
}
