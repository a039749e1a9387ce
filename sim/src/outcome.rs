//! What came of a rule.

use crate::trace::SECOND;

/// A first token that came so much later than at an idle replica is late, in microseconds.
const LATE: u64 = 2 * SECOND;
/// Waits are counted in classes that are this much wider each.
const CLASS: f64 = 1.02;
/// Shorter waits are none, in microseconds.
const SHORTEST: f64 = 1000.0;
/// A day of waiting is in the last class.
const CLASSES: usize = 1300;
/// Seconds of one point of a plot.
const POINT: usize = 60;
/// Seconds in which changes back and forth count as flapping.
const WINDOW: u64 = 300;

/// One second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Replicas that the offered tokens keep busy.
    pub busy: f64,
    /// Replicas that serve.
    pub ready: u32,
    /// Replicas that are wanted.
    pub target: u32,
}

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    requests: u64,
    on_time: u64,
    waits: Vec<u64>,
    gpu_seconds: u64,
    changes: u64,
    seconds: u64,
    last: Option<u32>,
    /// When it changed last, and whether upwards.
    direction: Option<(u64, bool)>,
    /// Reversals from up to down within a window: replicas that were started for nothing.
    flaps: u64,
    points: Vec<Sample>,
    point: Vec<Sample>,
}

impl Outcome {
    /// A request got its first token so many microseconds later than from an idle replica.
    pub(crate) fn first_token(&mut self, wait: u64) {
        self.requests += 1;
        self.on_time += u64::from(wait <= LATE);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
        let class = ((wait as f64).max(SHORTEST) / SHORTEST).log(CLASS).ceil() as usize;
        if self.waits.is_empty() {
            self.waits = vec![0; CLASSES];
        }
        if let Some(count) = self.waits.get_mut(class.min(CLASSES - 1)) {
            *count += 1;
        }
    }

    /// Requests were left.
    pub(crate) fn never_answered(&mut self, requests: u32) {
        for _ in 0..requests {
            self.first_token(u64::MAX);
        }
    }

    /// A second went by with so many GPUs taken.
    pub(crate) fn second(&mut self, sample: Sample, gpus: usize) {
        self.seconds += 1;
        self.gpu_seconds += gpus as u64;
        if let Some(last) = self.last.filter(|last| *last != sample.target) {
            self.changes += 1;
            let up = sample.target > last;
            let flaps =
                self.direction.is_some_and(|(at, was_up)| was_up && !up && self.seconds - at < WINDOW);
            self.flaps += u64::from(flaps);
            self.direction = Some((self.seconds, up));
        }
        self.last = Some(sample.target);
        self.point.push(sample);
        if self.point.len() == POINT {
            let count = POINT as f64;
            let busy = self.point.iter().map(|sample| sample.busy).sum::<f64>() / count;
            self.points.push(Sample { busy, ..sample });
            self.point.clear();
        }
    }

    /// Requests of which the first token came within two seconds of an unloaded one, as a part of all.
    pub fn attainment(&self) -> f64 {
        self.on_time as f64 / self.requests.max(1) as f64
    }

    /// Requests.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The wait in seconds that one request of a hundred exceeds, to 2 %.
    pub fn p99_wait(&self) -> f64 {
        let beyond = self.requests / 100;
        let mut above = 0;
        for (class, count) in self.waits.iter().enumerate().rev() {
            above += count;
            if above > beyond {
                return if class == 0 { 0.0 } else { SHORTEST * CLASS.powf(class as f64) / SECOND as f64 };
            }
        }
        0.0
    }

    /// GPU time, from the start of a replica until it is gone.
    pub fn gpu_hours(&self) -> f64 {
        self.gpu_seconds as f64 / 3600.0
    }

    /// How often another number of replicas was wanted.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// How often fewer were wanted within five minutes after more were.
    pub const fn flaps(&self) -> u64 {
        self.flaps
    }

    /// A point for each minute.
    pub fn points(&self) -> &[Sample] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted() {
        let mut outcome = Outcome::default();
        for wait in 1..=1000 {
            outcome.first_token(wait * 10_000);
        }
        assert!((outcome.attainment() - 0.2).abs() < 1e-9);
        assert!((outcome.p99_wait() / 9.9 - 1.0).abs() < 0.025, "{}", outcome.p99_wait());
        outcome.never_answered(1000);
        assert!((outcome.attainment() - 0.1).abs() < 1e-9);
        assert!(outcome.p99_wait() > 86_400.0);
    }

    #[test]
    fn down_soon_after_up_is_flapping_and_up_after_down_is_not() {
        let run = |targets: &[(u32, usize)]| {
            let mut outcome = Outcome::default();
            for (target, seconds) in targets {
                (0..*seconds)
                    .for_each(|_| outcome.second(Sample { target: *target, ..Sample::default() }, 1));
            }
            (outcome.changes(), outcome.flaps())
        };
        assert_eq!(run(&[(1, 10), (3, 100), (2, 10), (4, 10)]), (3, 1));
        assert_eq!(run(&[(1, 10), (3, 300), (2, 10), (4, 10)]), (3, 0));
    }
}
