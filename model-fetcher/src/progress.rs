//! How far a download is: counted by who writes, printed by a task of its own.

use flotilla_model_source::report::Progress;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, interval};

/// Between two lines.
const EVERY: Duration = Duration::from_secs(2);
/// The speed is the mean of this many lines.
const WINDOW: usize = 5;

/// The counters. A total of 0 is one that is not known.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    total: AtomicU64,
    waiting: AtomicBool,
}

impl Meter {
    /// Bytes of the model that the cache has.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    fn progress(&self, bytes_per_second: u64) -> Progress {
        Progress {
            bytes: self.bytes(),
            total: Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0),
            bytes_per_second,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// Prints a line now and then, for ever.
pub async fn print(meter: Arc<Meter>) {
    let mut ticks = interval(EVERY);
    let mut window = VecDeque::with_capacity(WINDOW + 1);
    loop {
        ticks.tick().await;
        window.push_back((Instant::now(), meter.bytes()));
        if window.len() > WINDOW {
            window.pop_front();
        }
        if let Ok(line) = serde_json::to_string(&meter.progress(speed(&window))) {
            println!("{line}");
        }
    }
}

/// Bytes a second between the first and the last; 0 after a download that was begun anew.
fn speed(window: &VecDeque<(Instant, u64)>) -> u64 {
    let Some((first, last)) = window.front().zip(window.back()) else { return 0 };
    let millis = u64::try_from(last.0.duration_since(first.0).as_millis()).unwrap_or(u64::MAX);
    last.1.saturating_sub(first.1).saturating_mul(1000).checked_div(millis).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_window() {
        let start = Instant::now();
        let window = |points: &[(u64, u64)]| -> VecDeque<_> {
            points.iter().map(|(second, bytes)| (start + Duration::from_secs(*second), *bytes)).collect()
        };
        assert_eq!(speed(&window(&[(0, 100), (2, 300), (4, 900)])), 200);
        assert_eq!(speed(&window(&[(0, 100)])), 0);
        assert_eq!(speed(&window(&[(0, 900), (2, 0)])), 0);
    }
}
