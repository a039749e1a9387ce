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
const AT_A_TIME: usize = 64;
/// An engine that did not answer the last time is not waited for longer. Whole nodes may be cut off, and a round that
/// waits for all of their engines would make the figures of the others late.
const SILENT_DEADLINE: Duration = Duration::from_secs(1);

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

/// Asks some at a time; each has the scraper's deadline, or a shorter one.
async fn ask(scraper: &Scraper, reports: &EngineReports, due: Vec<EngineAddress>) {
    futures::stream::iter(due)
        .for_each_concurrent(AT_A_TIME, |engine| async move {
            let deadline = if engine.was_silent { SILENT_DEADLINE } else { Duration::MAX };
            let asked = scraper.metrics(engine.address.ip(), engine.address.port());
            let load = match tokio::time::timeout(deadline, asked).await {
                Ok(Ok(text)) => load::read(&text),
                Ok(Err(error)) => {
                    tracing::debug!(pod = engine.pod, %error, "no metrics of the engine");
                    None
                }
                Err(_) => None,
            };
            // Engines of type Custom need not have metrics.
            reports.take(&engine.pod, load, Timestamp::now());
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

    #[tokio::test(start_paused = true)]
    async fn who_was_silent_is_not_waited_for_as_long_as_others() {
        let router = Router::new().route("/metrics", get(async || std::future::pending::<String>().await));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _server =
            AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await }));
        let engine = |nth: usize, was_silent| EngineAddress {
            pod: format!("apps/{nth}"),
            model: ObjectKey { namespace: "apps".to_owned(), name: "m".to_owned() },
            address,
            was_silent,
        };
        let (reports, scraper) = (EngineReports::default(), Scraper::new());
        let mut took = Vec::new();
        for was_silent in [true, false] {
            let begun = tokio::time::Instant::now();
            let many = (0..2 * AT_A_TIME).map(|nth| engine(nth, was_silent)).collect();
            ask(&scraper, &reports, many).await;
            took.push(begun.elapsed().as_secs());
        }
        assert_eq!(took, [2, 10], "two at a place after each other, in paused time");
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
                was_silent: false,
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
