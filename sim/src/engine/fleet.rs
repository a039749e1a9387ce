//! Replicas that come and go, and the queue before them.

use super::View;
use super::replica::{Event, Machine, Replica, micros};
use crate::outcome::Outcome;
use crate::trace::{Arrival, SECOND};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How fast the mean length of completions follows: about a thousand requests.
const LENGTH_WEIGHT: f64 = 0.001;
/// What a completion is taken for before any was seen.
const FIRST_LENGTH: f64 = 64.0;

pub(super) struct Fleet {
    machine: Machine,
    /// Those that serve, and places that are empty.
    serving: Vec<Replica>,
    /// When something is due at which place. Entries stay when a replica's plans change; they are then due for nothing.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// When each of those that start serves, the oldest first.
    starting: VecDeque<u64>,
    queue: VecDeque<Arrival>,
    mean_completion: f64,
    answered: u64,
    second: View,
    pub(super) outcome: Outcome,
}

impl Fleet {
    pub(super) fn new(machine: Machine, replicas: u32) -> Self {
        Self {
            machine,
            serving: (0..replicas).map(|_| Replica::new(0)).collect(),
            due: BinaryHeap::new(),
            starting: VecDeque::new(),
            queue: VecDeque::new(),
            mean_completion: FIRST_LENGTH,
            answered: 0,
            second: View::default(),
            outcome: Outcome::default(),
        }
    }

    /// When something happens next in the fleet.
    pub(super) fn next(&self) -> u64 {
        let replicas = self.due.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
        replicas.min(self.starting.front().copied().unwrap_or(u64::MAX))
    }

    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.serving.iter().all(|replica| replica.busy() == 0)
    }

    pub(super) fn arrive(&mut self, request: Arrival) {
        self.second.offered_requests += 1;
        self.second.offered_prompt += f64::from(request.prompt);
        self.second.waiting_prompt += f64::from(request.prompt);
        self.queue.push_back(request);
        self.dispatch(request.at);
    }

    /// Lets happen what is due at `now`.
    pub(super) fn step(&mut self, now: u64) {
        while self.starting.front().is_some_and(|at| *at <= now) {
            self.starting.pop_front();
            match self.serving.iter_mut().find(|replica| replica.gone) {
                Some(place) => *place = Replica::new(now),
                None => self.serving.push(Replica::new(now)),
            }
        }
        while let Some(Reverse((at, place))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.due.pop();
            let Some(replica) = self.serving.get_mut(place).filter(|replica| replica.next() == at) else {
                continue;
            };
            let event = replica.step(now, &self.machine);
            replica.leave_if_done();
            self.plan(place);
            match event {
                Some(Event::First(request)) => {
                    self.second.served_prompt += f64::from(request.prompt);
                    let unloaded = self.machine.reading(request.prompt);
                    self.outcome.first_token((now - request.at).saturating_sub(unloaded));
                }
                Some(Event::Done(tokens)) => self.done(tokens),
                None => {}
            }
        }
        self.dispatch(now);
    }

    fn plan(&mut self, place: usize) {
        let next = self.serving.get(place).map_or(u64::MAX, Replica::next);
        if next != u64::MAX {
            self.due.push(Reverse((next, place)));
        }
    }

    fn done(&mut self, tokens: u32) {
        self.second.served_completion += f64::from(tokens);
        self.answered += 1;
        let weight = LENGTH_WEIGHT.max(1.0 / self.answered as f64);
        self.mean_completion += (f64::from(tokens) - self.mean_completion) * weight;
    }

    fn dispatch(&mut self, now: u64) {
        while !self.queue.is_empty() {
            let free = self.serving.iter().enumerate().filter(|(_, replica)| replica.free(&self.machine));
            let Some((place, _)) = free.min_by_key(|(_, replica)| replica.load()) else { return };
            if let (Some(request), Some(replica)) = (self.queue.pop_front(), self.serving.get_mut(place)) {
                self.second.waiting_prompt -= f64::from(request.prompt);
                replica.take(request, now, &self.machine);
                self.plan(place);
            }
        }
    }

    /// What was seen in the second that ends now; the next one begins.
    pub(super) fn look(&mut self, now: u64) -> View {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let draining = self.serving.iter().filter(|replica| replica.draining && !replica.gone).count();
        let waits = self.starting.iter().map(|at| at.saturating_sub(now) as f64 / SECOND as f64);
        let view = View {
            now: now / SECOND,
            ready: count(self.staying()),
            starting: count(self.starting.len()),
            arrives_in: waits.sum::<f64>() / self.starting.len().max(1) as f64,
            draining: count(draining),
            running: count(self.serving.iter().map(Replica::busy).sum()),
            waiting: count(self.queue.len()),
            mean_completion: self.mean_completion,
            ..self.second
        };
        self.second = View { waiting_prompt: view.waiting_prompt, ..View::default() };
        view
    }

    /// Replicas that take a GPU.
    pub(super) fn gpus(&self) -> usize {
        self.serving.iter().filter(|replica| !replica.gone).count() + self.starting.len()
    }

    fn staying(&self) -> usize {
        self.serving.iter().filter(|replica| !replica.draining).count()
    }

    /// Starts or removes replicas until there are `target`. Those that start go first, the youngest first; then those
    /// with the least to do.
    pub(super) fn scale(&mut self, target: u32, now: u64) {
        let target = target as usize;
        let mut there = self.staying() + self.starting.len();
        while there < target {
            self.starting.push_back(now + micros(self.machine.start_seconds));
            there += 1;
        }
        while there > target && self.starting.pop_back().is_some() {
            there -= 1;
        }
        while there > target {
            let candidates = self.serving.iter_mut().filter(|replica| !replica.draining);
            let Some(replica) = candidates.min_by_key(|replica| replica.busy()) else { break };
            replica.draining = true;
            replica.leave_if_done();
            there -= 1;
        }
    }
}
