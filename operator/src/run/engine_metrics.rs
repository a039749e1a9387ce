//! Asks the engines of scaled models for their load, on the leader.

use crate::decide::observe::load;
use crate::fleet::Stores;
use crate::lease::Leadership;
use crate::scaling::{EngineAddress, EngineReports, engines};
use crate::scrape::Scraper;
use futures::StreamExt as _;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(5);
/// Engines that are asked at a time.
const AT_A_TIME: usize = 16;

/// What the task works with.
pub(super) struct Asker {
    stores: Arc<Stores>,
    reports: Arc<EngineReports>,
    leadership: Leadership,
}

impl Asker {
    pub(super) fn new(stores: &Arc<Stores>, reports: &Arc<EngineReports>, leadership: &Leadership) -> Self {
        let (stores, reports) = (Arc::clone(stores), Arc::clone(reports));
        Self { stores, reports, leadership: leadership.clone() }
    }

    /// Runs until the shutdown. The caches must be complete.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let scraper = Scraper::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if !self.leadership.is_leader() {
                continue;
            }
            let present = engines(&self.stores.model_deployments.state(), &self.stores.pods.state());
            let due = self.reports.due(present, Timestamp::now());
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = ask(&scraper, &self.reports, due) => {}
            }
        }
    }
}

/// Asks some at a time; each has the scraper's deadline.
async fn ask(scraper: &Scraper, reports: &EngineReports, due: Vec<EngineAddress>) {
    futures::stream::iter(due)
        .for_each_concurrent(AT_A_TIME, |engine| async move {
            let text = scraper.metrics(engine.address.ip(), engine.address.port()).await;
            let load = text.map(|text| load::read(&text));
            match &load {
                Ok(Some(_)) => {}
                // Engines of type Custom need not have metrics.
                Ok(None) => tracing::debug!(pod = engine.pod, "the engine's metrics say nothing of its load"),
                Err(error) => tracing::debug!(pod = engine.pod, %error, "no metrics of the engine"),
            }
            reports.take(&engine.pod, load.ok().flatten(), Timestamp::now());
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing_policy::ObjectKey;
    use axum::Router;
    use axum::routing::get;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio_util::task::AbortOnDropHandle;

    /// An engine that has read 100 more tokens each time it is asked.
    fn engine() -> Router {
        let tokens = Arc::new(AtomicU64::new(0));
        let metrics = async move || {
            let tokens = tokens.fetch_add(100, Ordering::Relaxed);
            format!(
                "llamacpp:prompt_tokens_total {tokens}\nllamacpp:tokens_predicted_total 0\n\
                 llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\n"
            )
        };
        Router::new().route("/metrics", get(metrics))
    }

    #[tokio::test]
    async fn engines_are_asked_over_http_and_those_without_metrics_are_silent() {
        let (reports, scraper) = (EngineReports::default(), Scraper::new());
        let (mut tasks, mut present) = (Vec::new(), Vec::new());
        for (name, router) in [("with", engine()), ("without", Router::new())] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            present.push(EngineAddress {
                pod: format!("apps/{name}"),
                model: ObjectKey { namespace: "apps".to_owned(), name: name.to_owned() },
                address: listener.local_addr().unwrap(),
            });
            let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            tasks.push(AbortOnDropHandle::new(server));
        }
        ask(&scraper, &reports, reports.due(present.clone(), Timestamp::now())).await;
        ask(&scraper, &reports, present.clone()).await;
        let sums = reports.sums(Timestamp::now());
        assert_eq!(sums.keys().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["with"]);
        let with = sums.get(&present[0].model).unwrap();
        assert_eq!((with.waiting, with.running), (2.0, 1.0));
        assert!(with.served.prompt > 0.0 && with.served.prompt <= 100.0, "{with:?}");
    }
}
