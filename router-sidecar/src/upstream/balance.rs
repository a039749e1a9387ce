//! Which endpoint of a fleet backend: the less loaded of two taken at random.
//!
//! Two choices keep the longest queue near log log n without looking at every endpoint, and, unlike the least
//! loaded of all, do not send every router's next request to the same pod.

use crate::route::{Standing, mix};
use crate::snapshot::Endpoint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A stream of well-mixed numbers for choices that need no more than that (splitmix64).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// A stream that starts anywhere.
    pub fn starting_at(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn roll(&self) -> u64 {
        mix(self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed))
    }
}

/// The place of the endpoint to use; `except` has just failed. `None` if there is no other.
pub fn choose(endpoints: &[Endpoint], except: Option<usize>, roll: u64, now: Instant) -> Option<usize> {
    let left = endpoints.len() - usize::from(except.is_some());
    // The n-th endpoint, not counting the excepted one.
    let nth = |n: usize| n + usize::from(except.is_some_and(|e| n >= e));
    match left {
        0 => None,
        1 => Some(nth(0)),
        _ => {
            let first = place(roll >> 32, left);
            let second = (first + 1 + place(roll & 0xFFFF_FFFF, left - 1)) % left;
            let (a, b) = (nth(first), nth(second));
            let rank = |place: usize| {
                let endpoint = &endpoints[place];
                (endpoint.health.standing(now), endpoint.load.in_flight())
            };
            let best = if rank(b) < rank(a) { b } else { a };
            if rank(best).0 == Standing::Good {
                return Some(best);
            }
            // Both are left alone: the best of all, rather than none.
            (0..left).map(nth).min_by_key(|place| rank(*place))
        }
    }
}

/// Scales 32 random bits to a place below `count`.
fn place(bits: u64, count: usize) -> usize {
    usize::try_from((bits * count as u64) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn endpoints(count: usize) -> Vec<Endpoint> {
        let uri = |i| format!("http://10.0.0.{i}:80/v1/chat/completions").parse().unwrap();
        (0..count).map(|i| Endpoint { uri: uri(i), load: Arc::default(), health: Arc::default() }).collect()
    }

    #[test]
    fn the_loaded_one_of_two_is_left_alone() {
        let two = endpoints(2);
        let _busy = two[0].load.start();
        let dice = Dice::starting_at(1);
        assert!((0..100).all(|_| choose(&two, None, dice.roll(), Instant::now()) == Some(1)));
    }

    #[test]
    fn every_endpoint_gets_its_share_and_the_failed_one_none() {
        let five = endpoints(5);
        let dice = Dice::starting_at(1);
        let mut counts = [0; 5];
        for _ in 0..5000 {
            counts[choose(&five, Some(2), dice.roll(), Instant::now()).unwrap()] += 1;
        }
        assert_eq!(counts[2], 0);
        assert!(counts.iter().enumerate().all(|(i, n)| i == 2 || (1000..1500).contains(n)), "{counts:?}");
    }

    #[test]
    fn without_another_there_is_none() {
        assert_eq!(choose(&endpoints(0), None, 1, Instant::now()), None);
        assert_eq!(choose(&endpoints(1), Some(0), 1, Instant::now()), None);
        assert_eq!(choose(&endpoints(2), Some(0), 1, Instant::now()), Some(1));
        assert_eq!(choose(&endpoints(1), None, 1, Instant::now()), Some(0));
    }

    #[test]
    fn a_request_in_flight_ends_with_its_guard() {
        let one = endpoints(1);
        let guard = one[0].load.start();
        assert_eq!(one[0].load.in_flight(), 1);
        drop(guard);
        assert_eq!(one[0].load.in_flight(), 0);
    }
}
