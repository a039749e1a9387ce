//! One replica. It reads one prompt at a time, in the order in which requests came to it, and while it does not it
//! decodes all its sequences, each at the same speed: what the two kinds of work take of its time adds up.

use crate::trace::{Arrival, SECOND};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How fast replicas are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Prompt tokens per second of a replica that does nothing else.
    pub prompt_tokens_per_second: f64,
    /// Completion tokens per second of one sequence.
    pub sequence_tokens_per_second: f64,
    /// Sequences at a time.
    pub slots: u32,
    /// Seconds from the start until it serves.
    pub start_seconds: f64,
}

impl Default for Machine {
    /// An A40 with a Llama 2 7B: 6,600 prompt tokens per second as AIBrix measured, and two thirds of the bandwidth
    /// (696 GB/s) over the bytes of its weights (13.5 GB) for each of 32 sequences.
    fn default() -> Self {
        Self {
            prompt_tokens_per_second: 6600.0,
            sequence_tokens_per_second: 34.0,
            slots: 32,
            start_seconds: 120.0,
        }
    }
}

impl Machine {
    /// Completion tokens per second with every slot busy.
    pub fn completion_tokens_per_second(&self) -> f64 {
        self.sequence_tokens_per_second * f64::from(self.slots)
    }

    /// The seconds of one replica's time that so many tokens take.
    pub fn work(&self, prompt: f64, completion: f64) -> f64 {
        prompt / self.prompt_tokens_per_second + completion / self.completion_tokens_per_second()
    }

    /// Microseconds in which it reads a prompt.
    pub fn reading(&self, prompt: u32) -> u64 {
        micros(f64::from(prompt) / self.prompt_tokens_per_second)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(super) fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64).ceil() as u64
}

/// What happened at a replica.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event {
    /// The first token of a request is there.
    First(Arrival),
    /// A request is answered, with so many completion tokens.
    Done(u32),
}

/// A replica that serves.
#[derive(Debug, Default)]
pub(super) struct Replica {
    /// The first one is being read.
    reading: VecDeque<Arrival>,
    read_at: u64,
    /// By the decoding time at which they are done, with their tokens.
    decoding: BinaryHeap<Reverse<(u64, u32)>>,
    /// Microseconds that it decoded so far, up to `last`.
    decoded: u64,
    last: u64,
    /// It takes no more requests.
    pub(super) draining: bool,
    /// It has gone, and another may take its place.
    pub(super) gone: bool,
}

impl Replica {
    /// One that serves from `now` on.
    pub(super) fn new(now: u64) -> Self {
        Self { last: now, ..Self::default() }
    }

    /// Requests that it has.
    pub(super) fn busy(&self) -> usize {
        self.reading.len() + self.decoding.len()
    }

    pub(super) fn free(&self, machine: &Machine) -> bool {
        !self.draining && self.busy() < machine.slots as usize
    }

    pub(super) fn leave_if_done(&mut self) {
        self.gone |= self.draining && self.busy() == 0;
    }

    /// Less is better for the next request.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.reading.len(), self.decoding.len())
    }

    /// When something happens next; never is `u64::MAX`.
    pub(super) fn next(&self) -> u64 {
        if !self.reading.is_empty() {
            return self.read_at;
        }
        self.decoding
            .peek()
            .map_or(u64::MAX, |Reverse((done, _))| self.last + done.saturating_sub(self.decoded))
    }

    pub(super) fn take(&mut self, request: Arrival, now: u64, machine: &Machine) {
        self.advance(now);
        if self.reading.is_empty() {
            self.read_at = now + machine.reading(request.prompt);
        }
        self.reading.push_back(request);
    }

    /// Lets happen what is due at `now`.
    pub(super) fn step(&mut self, now: u64, machine: &Machine) -> Option<Event> {
        self.advance(now);
        if let Some(request) = self.reading.pop_front() {
            let writes = f64::from(request.completion) / machine.sequence_tokens_per_second;
            self.decoding.push(Reverse((self.decoded + micros(writes), request.completion)));
            if let Some(next) = self.reading.front() {
                self.read_at = now + machine.reading(next.prompt);
            }
            return Some(Event::First(request));
        }
        self.decoding.pop().map(|Reverse((_, tokens))| Event::Done(tokens))
    }

    fn advance(&mut self, now: u64) {
        if self.reading.is_empty() {
            self.decoded += now - self.last;
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            prompt_tokens_per_second: 100.0,
            sequence_tokens_per_second: 10.0,
            slots: 2,
            start_seconds: 0.0,
        }
    }

    fn request(prompt: u32, completion: u32) -> Arrival {
        Arrival { at: 0, prompt, completion }
    }

    fn events(replica: &mut Replica) -> Vec<(u64, Event)> {
        let mut events = Vec::new();
        while replica.next() != u64::MAX {
            let now = replica.next();
            events.extend(replica.step(now, &machine()).map(|event| (now / 1000, event)));
        }
        events
    }

    #[test]
    fn reading_one_prompt_stops_the_writing_of_another() {
        let mut replica = Replica::new(0);
        replica.take(request(100, 20), 0, &machine());
        assert_eq!(replica.step(SECOND, &machine()), Some(Event::First(request(100, 20))));
        replica.take(request(50, 10), 2 * SECOND, &machine());
        let seen = events(&mut replica);
        let expected =
            [(2500, Event::First(request(50, 10))), (3500, Event::Done(20)), (3500, Event::Done(10))];
        assert_eq!(seen.len(), 3);
        for event in expected {
            assert!(seen.contains(&event), "{event:?} not in {seen:?}");
        }
    }

    #[test]
    fn a_full_replica_does_as_much_as_its_rates_promise() {
        let mut replica = Replica::new(0);
        for _ in 0..2 {
            replica.take(request(100, 20), 0, &machine());
        }
        assert!(!replica.free(&machine()));
        let last = events(&mut replica).last().map(|(at, _)| *at);
        // Both are read after 2 s, then written side by side.
        assert_eq!(last, Some(4000));
        assert!((machine().work(200.0, 40.0) - 4.0).abs() < 1e-9);
    }
}
