//! When to try again. A try that brought bytes starts the count over: a download that moves is never given up.

use crate::error::FetchError;
use std::time::Duration;

/// The longest that a source may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How often and how fast a source is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries in a row that bring nothing, before the kubelet's own back-off takes over.
    pub tries: u32,
    /// The longest wait after the first of them; doubled after each.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Patience {
    /// About a minute in all.
    fn default() -> Self {
        Self { tries: 7, first: Duration::from_secs(1), longest: Duration::from_secs(30) }
    }
}

/// Counts the tries of one file.
#[derive(Debug)]
pub(crate) struct Tries {
    patience: Patience,
    fruitless: u32,
}

impl Tries {
    pub(crate) const fn new(patience: Patience) -> Self {
        Self { patience, fruitless: 0 }
    }

    /// The wait before the next try after `error`; none if it is not worth one. `moved`: the try brought bytes.
    /// `luck` in 0..1 spreads replicas that were cut off together.
    pub(crate) fn next(&mut self, error: &FetchError, moved: bool, luck: f64) -> Option<Duration> {
        self.fruitless = if moved { 0 } else { self.fruitless + 1 };
        if !error.is_passing() || self.fruitless >= self.patience.tries {
            return None;
        }
        let doublings = self.fruitless.saturating_sub(1).min(16);
        let bound = self.patience.first.saturating_mul(1 << doublings).min(self.patience.longest);
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_RETRY_AFTER);
        Some(asked + bound.mul_f64(luck.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn unavailable(retry_after: Option<Duration>) -> FetchError {
        let status = StatusCode::TOO_MANY_REQUESTS;
        FetchError::Unavailable { url: String::new(), status, detail: String::new(), retry_after }
    }

    #[test]
    fn waits_grow_up_to_a_bound_and_end() {
        let mut tries = Tries::new(Patience::default());
        let waits: Vec<_> = std::iter::from_fn(|| tries.next(&unavailable(None), false, 1.0)).collect();
        assert_eq!(waits.iter().map(Duration::as_secs).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 30]);
    }

    #[test]
    fn a_download_that_moves_is_never_given_up() {
        let mut tries = Tries::new(Patience::default());
        assert!((0..1000).all(|_| tries.next(&unavailable(None), true, 1.0) == Some(Duration::from_secs(1))));
    }

    #[test]
    fn what_the_source_asks_for_is_kept_within_reason() {
        let mut tries = Tries::new(Patience::default());
        let wait = |tries: &mut Tries, secs| {
            tries.next(&unavailable(Some(Duration::from_secs(secs))), true, 0.0).map(|wait| wait.as_secs())
        };
        assert_eq!((wait(&mut tries, 7), wait(&mut tries, 86_400)), (Some(7), Some(300)));
    }

    #[test]
    fn what_no_time_mends_is_not_tried_again() {
        let error = FetchError::DiskFull { file: String::new(), needed_mib: 2, free_mib: 1 };
        assert_eq!(Tries::new(Patience::default()).next(&error, true, 0.0), None);
    }
}
