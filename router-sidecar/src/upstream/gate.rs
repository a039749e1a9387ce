//! Bounded concurrency at one target, with a bounded queue before it.
//!
//! An engine that is given more than it can batch slows down for everybody; a queue of its own would be out of sight.
//! Here waiting is first come, first served, has an end, and leads to the next target or to an answer that says when
//! to come back.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
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
#[derive(Debug)]
pub struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests let in at once, by the config in force; those who came by an older one are bound by it, too.
    bound: usize,
    running: usize,
    /// In the order they came; as many as the rules let wait.
    queue: VecDeque<Waiter>,
    /// Numbers those who wait.
    next: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    /// Hands it its place.
    place: oneshot::Sender<Slot>,
}

impl Gate {
    /// Lets so many in at once.
    pub fn new(bound: usize) -> Self {
        Self(Mutex::new(State { bound, running: 0, queue: VecDeque::new(), next: 0 }))
    }

    /// From now on so many are let in at once. Places that this adds go to those who wait.
    pub fn rebound(self: &Arc<Self>, bound: usize) {
        let mut state = self.0.lock();
        state.bound = bound;
        while state.running < state.bound {
            let Some(waiter) = state.queue.pop_front() else {
                return;
            };
            state.running += 1;
            self.hand(state, waiter);
            state = self.0.lock();
        }
    }

    /// Waits for a place, at most until the deadline.
    ///
    /// # Errors
    /// Too many wait already, or the wait was too long.
    pub async fn enter(self: &Arc<Self>, rules: GateRules, deadline: Instant) -> Result<Slot, Full> {
        let (place, _queued) = {
            let mut state = self.0.lock();
            if let Some(slot) = self.free(&mut state) {
                return Ok(slot);
            }
            if state.queue.len() >= rules.waiting {
                return Err(Full);
            }
            let (hand, place) = oneshot::channel();
            let number = state.next;
            state.next += 1;
            state.queue.push_back(Waiter { number, place: hand });
            (place, Queued { gate: self, number })
        };
        let deadline = deadline.min(Instant::now() + rules.patience);
        // A place that is handed over and not taken is dropped with the channel, which hands it on.
        tokio::time::timeout_at(deadline, place).await.map_err(|_| Full)?.map_err(|_| Full)
    }

    /// A place if one is free now.
    pub fn try_enter(self: &Arc<Self>) -> Option<Slot> {
        self.free(&mut self.0.lock())
    }

    /// A place, unless all are taken or somebody waits: nobody passes those who wait.
    fn free(self: &Arc<Self>, state: &mut State) -> Option<Slot> {
        let free = state.queue.is_empty() && state.running < state.bound;
        free.then(|| {
            state.running += 1;
            Slot(Arc::clone(self))
        })
    }

    /// Hands a counted place to somebody; the lock is let go first, since a place that nobody takes is dropped at once.
    fn hand(self: &Arc<Self>, state: MutexGuard<'_, State>, to: Waiter) {
        drop(state);
        drop(to.place.send(Slot(Arc::clone(self))));
    }
}

/// One of those who wait, until it has its place or gives up.
struct Queued<'a> {
    gate: &'a Gate,
    number: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.0.lock();
        // Their numbers rise. Whoever has a place is not among them any more.
        if let Ok(at) = state.queue.binary_search_by_key(&self.number, |waiter| waiter.number) {
            state.queue.remove(at);
        }
    }
}

/// A place at a target. When dropped it goes to who waits longest, or is free.
#[derive(Debug)]
pub struct Slot(Arc<Gate>);

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        // A config may have taken places away.
        let next = if state.running > state.bound { None } else { state.queue.pop_front() };
        match next {
            Some(waiter) => self.0.hand(state, waiter),
            None => state.running -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinHandle;

    const RULES: GateRules = GateRules { running: 2, waiting: 2, patience: Duration::from_secs(5) };

    fn far() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_bounded_and_so_is_the_wait_for_them() {
        let gate = Arc::new(Gate::new(RULES.running));
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
        assert!(gate.0.lock().queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_answers_at_once() {
        let gate = Arc::new(Gate::new(RULES.running));
        let none = GateRules { waiting: 0, ..RULES };
        let _slots = (gate.enter(none, far()).await.unwrap(), gate.enter(none, far()).await.unwrap());
        let begun = Instant::now();
        assert_eq!(gate.enter(none, far()).await.unwrap_err(), Full);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_loses_nobody_elses_place() {
        let gate = Arc::new(Gate::new(1));
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
        let state = gate.0.lock();
        assert_eq!((state.running, state.queue.len()), (0, 0));
    }

    /// Somebody who waits as soon as the runtime gets to it.
    fn waiting(gate: &Arc<Gate>, rules: GateRules) -> JoinHandle<Result<Slot, Full>> {
        let gate = Arc::clone(gate);
        tokio::spawn(async move { gate.enter(rules, far()).await })
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_free_again_is_that_of_who_waits_longest() {
        use futures::FutureExt as _;
        let gate = Arc::new(Gate::new(1));
        let rules = GateRules { running: 1, waiting: 10, ..RULES };
        let slot = gate.enter(rules, far()).await.unwrap();
        let wait = || waiting(&gate, rules);
        let first = wait();
        tokio::task::yield_now().await;
        drop(slot);
        // The one that waits has not run yet.
        assert!(gate.enter(rules, far()).now_or_never().is_none(), "a newcomer took its place");
        let second = wait();
        tokio::task::yield_now().await;
        let slot = first.await.unwrap().unwrap();
        // The same for one that leaves with a place in its hand: the next one gets it.
        let third = wait();
        tokio::task::yield_now().await;
        drop(slot);
        second.abort();
        assert!(third.await.unwrap().is_ok());
        assert!(second.await.is_err());
        assert!(gate.enter(rules, far()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_are_added_go_to_those_who_wait_and_those_taken_away_to_nobody() {
        let gate = Arc::new(Gate::new(1));
        let rules = GateRules { running: 1, waiting: 10, ..RULES };
        let first = gate.enter(rules, far()).await.unwrap();
        let wait = || waiting(&gate, rules);
        let (second, third) = (wait(), wait());
        tokio::task::yield_now().await;
        gate.rebound(2);
        let second = second.await.unwrap().unwrap();
        assert!(!third.is_finished() && gate.try_enter().is_none());
        gate.rebound(1);
        drop(second);
        tokio::task::yield_now().await;
        assert!(!third.is_finished(), "one is there, which is all there may be");
        drop(first);
        assert!(third.await.unwrap().is_ok());
    }
}
