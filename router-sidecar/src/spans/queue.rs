//! Spans on their way to the collector: a bounded queue, and the task that empties it.

use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prometheus::IntCounter;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Spans that wait at most; OpenTelemetry's default for `OTEL_BSP_MAX_QUEUE_SIZE`. Some megabytes when it is full.
const WAITING: usize = 2048;
/// Spans that are sent together at most; OpenTelemetry's default for `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
const BATCH: usize = 512;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long one batch may take, retries included: what does not arrive by then is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// What becomes of spans.
#[derive(Debug, Clone)]
pub struct Counters {
    /// Taken by the collector.
    pub exported: IntCounter,
    /// Dropped, since too many waited.
    pub queue_full: IntCounter,
    /// Dropped, since the collector did not take them.
    pub not_taken: IntCounter,
}

/// Where spans are put.
#[derive(Debug)]
pub struct Queue {
    spans: mpsc::Sender<SpanData>,
    full: IntCounter,
}

/// What sends them.
#[derive(Debug)]
pub struct Export<E> {
    waiting: mpsc::Receiver<SpanData>,
    to: E,
    counters: Counters,
    /// Whether the last batch was taken, to tell the log of changes only.
    well: bool,
}

/// An empty queue, and what empties it.
pub fn queue<E: SpanExporter>(to: E, counters: Counters) -> (Queue, Export<E>) {
    let (spans, waiting) = mpsc::channel(WAITING);
    let full = counters.queue_full.clone();
    (Queue { spans, full }, Export { waiting, to, counters, well: true })
}

impl Queue {
    /// Never waits: what has no room is dropped, and counted.
    pub(super) fn push(&self, spans: impl Iterator<Item = SpanData>) {
        for span in spans {
            if self.spans.try_send(span).is_err() {
                self.full.inc();
            }
        }
    }
}

impl<E: SpanExporter> Export<E> {
    /// Sends what comes, until it is stopped; then what still waits, without delay.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.gather(&mut batch, &stop).await {
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    /// Fills a batch; false if there is nothing left to come.
    async fn gather(&mut self, batch: &mut Vec<SpanData>, stop: &CancellationToken) -> bool {
        let mut due = std::pin::pin!(None);
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                biased;
                () = stop.cancelled(), if !self.waiting.is_closed() => self.waiting.close(),
                came = self.waiting.recv_many(batch, room) => {
                    if came == 0 {
                        break;
                    }
                    if due.is_none() {
                        due.set(Some(sleep(DELAY)));
                    }
                }
                () = wait(due.as_mut()) => break,
            }
        }
        !batch.is_empty()
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let failure = match timeout(DEADLINE, self.to.export(batch)).await {
            Ok(Ok(())) => {
                self.counters.exported.inc_by(count);
                if !std::mem::replace(&mut self.well, true) {
                    tracing::info!("the collector takes spans again");
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
        };
        self.counters.not_taken.inc_by(count);
        if std::mem::replace(&mut self.well, false) {
            tracing::warn!(error = failure, "the collector does not take spans: they are dropped");
        }
    }
}

/// Until then; for ever if there is nothing to wait for.
async fn wait(due: std::pin::Pin<&mut Option<tokio::time::Sleep>>) {
    match due.as_pin_mut() {
        Some(due) => due.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::time::SystemTime;
    use tokio::time::Instant;

    /// Notes how many spans come together; answers, or never does.
    #[derive(Debug, Default)]
    struct Sink {
        batches: Arc<Mutex<Vec<usize>>>,
        stuck: bool,
    }

    impl SpanExporter for Sink {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.batches.lock().push(batch.len());
            if self.stuck {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    }

    fn spans(count: usize) -> impl Iterator<Item = SpanData> {
        let span = SpanData {
            span_context: SpanContext::NONE,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        };
        std::iter::repeat_n(span, count)
    }

    fn counters() -> Counters {
        crate::account::Metrics::new().unwrap().spans
    }

    #[tokio::test(start_paused = true)]
    async fn spans_wait_for_others_for_a_second_and_at_the_end_not_at_all() {
        let (sink, counters, stop) = (Sink::default(), counters(), CancellationToken::new());
        let batches = Arc::clone(&sink.batches);
        let (queue, export) = queue(sink, counters.clone());
        let running = tokio::spawn(export.run(stop.clone()));
        queue.push(spans(2));
        sleep(DELAY / 2).await;
        queue.push(spans(1));
        assert!(batches.lock().is_empty());
        sleep(DELAY).await;
        assert_eq!(*batches.lock(), [3]);
        queue.push(spans(BATCH + 7));
        let before = Instant::now();
        stop.cancel();
        running.await.unwrap();
        assert_eq!((batches.lock().as_slice(), before.elapsed()), (&[3, BATCH, 7][..], Duration::ZERO));
        assert_eq!(counters.exported.get(), 3 + BATCH as u64 + 7);
        queue.push(spans(1));
        assert_eq!(counters.queue_full.get(), 1, "after the end there is no room");
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_collector_hangs_the_queue_fills_and_what_is_lost_is_counted() {
        let (sink, counters, stop) =
            (Sink { stuck: true, ..Sink::default() }, counters(), CancellationToken::new());
        let (queue, export) = queue(sink, counters.clone());
        let running = tokio::spawn(export.run(stop.clone()));
        queue.push(spans(WAITING + 5));
        assert_eq!(counters.queue_full.get(), 5);
        // One batch is being sent; there is room for as many again.
        sleep(DELAY).await;
        queue.push(spans(BATCH + 1));
        assert_eq!(counters.queue_full.get(), 6);
        stop.cancel();
        running.await.unwrap();
        assert_eq!((counters.exported.get(), counters.not_taken.get()), (0, (WAITING + BATCH) as u64));
    }
}
