//! What the engine says in its metrics.

use super::Replica;
use crate::decide::observe::{Reading, metrics};
use crate::scrape::Scraper;

pub(super) async fn ask(scraper: &Scraper, replica: &Replica<'_>) -> Option<Reading> {
    let text = scraper.metrics(replica.pod.ip?, replica.metrics_port?).await;
    match text {
        Ok(text) => metrics::read(&text),
        // Many engines have none.
        Err(error) => {
            tracing::debug!(namespace = replica.namespace, pod = replica.pod.name, %error, "no metrics of the engine");
            None
        }
    }
}
