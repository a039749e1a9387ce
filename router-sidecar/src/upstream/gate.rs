//! Bounded concurrency at one target, with a bounded queue before it.
//!
//! An engine that is given more than it can batch slows down for everybody; a queue of its own would be out of sight.
//! Here waiting is first come, first served, has an end, and leads to the next target or to an answer that says when
//! to come back.

use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The bounds of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateRules {
    /// Requests let in at once.
    pub running: usize,
    /// Requests that may wait.
    pub waiting: usize,
    /// How long each may wait.
    pub patience: Duration,
}

/// There is no place, or none became free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Lets a bounded number of requests in.
#[derive(Debug, Default)]
pub struct Gate {
    counts: Mutex<Counts>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    running: usize,
    waiting: usize,
}

impl Gate {
    /// Waits for a place, at most until the deadline.
    ///
    /// # Errors
    /// Too many wait already, or the wait was too long.
    pub async fn enter(self: &Arc<Self>, rules: GateRules, deadline: Instant) -> Result<Slot, Full> {
        let _waiting = {
            let mut counts = self.counts.lock();
            // Nobody passes those who wait.
            if counts.waiting == 0 && counts.running < rules.running {
                counts.running += 1;
                return Ok(Slot(Arc::clone(self)));
            }
            if counts.waiting >= rules.waiting {
                return Err(Full);
            }
            counts.waiting += 1;
            Waiting(self)
        };
        let deadline = deadline.min(Instant::now() + rules.patience);
        tokio::time::timeout_at(deadline, self.freed(rules)).await.map_err(|_| Full)
    }

    async fn freed(self: &Arc<Self>, rules: GateRules) -> Slot {
        loop {
            // Listening before looking: a place that is freed in between is not missed.
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            {
                let mut counts = self.counts.lock();
                if counts.running < rules.running {
                    counts.running += 1;
                    return Slot(Arc::clone(self));
                }
            }
            freed.await;
        }
    }
}

/// One of those who wait.
struct Waiting<'a>(&'a Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.counts.lock().waiting -= 1;
    }
}

/// A place at a target, free again when dropped.
#[derive(Debug)]
pub struct Slot(Arc<Gate>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.counts.lock().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: GateRules = GateRules { running: 2, waiting: 2, patience: Duration::from_secs(5) };

    fn far() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_bounded_and_so_is_the_wait_for_them() {
        let gate = Arc::new(Gate::default());
        let _first = gate.enter(RULES, far()).await.unwrap();
        let second = gate.enter(RULES, far()).await.unwrap();
        // One waits until a place is free.
        let waits = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter(RULES, far()).await }
        });
        tokio::task::yield_now().await;
        drop(second);
        let _third = waits.await.unwrap().unwrap();
        // One waits in vain, for its own time or for the request's, whichever is shorter.
        let begun = Instant::now();
        assert_eq!(gate.enter(RULES, far()).await.unwrap_err(), Full);
        assert_eq!(begun.elapsed(), RULES.patience);
        assert_eq!(gate.enter(RULES, Instant::now() + Duration::from_secs(1)).await.unwrap_err(), Full);
        assert_eq!(begun.elapsed(), Duration::from_secs(6));
        assert_eq!(gate.counts.lock().waiting, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_answers_at_once() {
        let gate = Arc::new(Gate::default());
        let none = GateRules { waiting: 0, ..RULES };
        let _slots = (gate.enter(none, far()).await.unwrap(), gate.enter(none, far()).await.unwrap());
        let begun = Instant::now();
        assert_eq!(gate.enter(none, far()).await.unwrap_err(), Full);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_loses_nobody_elses_place() {
        let gate = Arc::new(Gate::default());
        let rules = GateRules { running: 1, waiting: 100, ..RULES };
        let slot = gate.enter(rules, far()).await.unwrap();
        let tasks: Vec<_> = (0..100_u64)
            .map(|n| {
                let gate = Arc::clone(&gate);
                // Every other one has given up when the place is free.
                let deadline = Instant::now() + Duration::from_secs(if n % 2 == 0 { 1 } else { 4 });
                tokio::spawn(async move { gate.enter(rules, deadline).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(slot);
        let mut let_in = 0;
        for task in tasks {
            let_in += u32::from(task.await.unwrap().is_ok());
        }
        assert_eq!(let_in, 50);
        let counts = gate.counts.lock();
        assert_eq!((counts.running, counts.waiting), (0, 0));
    }
}
