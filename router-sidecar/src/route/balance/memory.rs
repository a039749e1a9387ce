//! Where prompts, sessions and adapters were served lately, for the endpoints of one target.
//!
//! A bounded map in two generations: what is used moves to the young one, and when that is full, the old one is
//! forgotten. That is as good as least-recently-used here, and costs a lookup.

use super::{Ask, Known, Prefix};
use crate::route::mix;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Entries of one generation; with both, under 1 MiB for a target in full use.
const ENTRIES: usize = 16 * 1024;

/// An endpoint's number, the same in every config.
pub type EndpointId = u64;

/// What one target's endpoints have seen.
#[derive(Debug, Default)]
pub struct Memory {
    seen: Mutex<Generations>,
    places: HashMap<EndpointId, usize>,
}

#[derive(Debug, Default, Clone)]
struct Generations {
    young: HashMap<u64, EndpointId>,
    old: HashMap<u64, EndpointId>,
}

/// What was remembered of one request.
#[derive(Debug, Default)]
pub(super) struct Recalled {
    /// The endpoint that computed most of the prompt, and how many tokens of it.
    prefix: Option<(EndpointId, u64)>,
    session: Option<EndpointId>,
    adapter: Option<EndpointId>,
}

/// Keeps keys of different kinds apart.
const SESSION: u64 = 0x5E55;
const ADAPTER: u64 = 0xADA7;

impl Memory {
    /// A memory of nothing for these endpoints, in their order.
    pub fn new(ids: impl IntoIterator<Item = EndpointId>) -> Self {
        let places = ids.into_iter().enumerate().map(|(place, id)| (id, place)).collect();
        Self { seen: Mutex::default(), places }
    }

    /// For another set of endpoints, with what this one remembers.
    #[must_use]
    pub fn carried_to(&self, ids: impl IntoIterator<Item = EndpointId>) -> Self {
        let next = Self::new(ids);
        next.seen.lock().clone_from(&self.seen.lock());
        next
    }

    /// Whether it is for exactly these endpoints, in this order.
    pub fn is_of(&self, ids: impl ExactSizeIterator<Item = EndpointId>) -> bool {
        ids.len() == self.places.len() && ids.enumerate().all(|(place, id)| self.place(id) == Some(place))
    }

    /// Where an endpoint is among the others; `None` if it is gone.
    pub(super) fn place(&self, id: EndpointId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// What is remembered of a request.
    pub(super) fn recall(&self, ask: &Ask) -> Recalled {
        let mut seen = self.seen.lock();
        let mut known = |key| seen.get(key).filter(|id| self.places.contains_key(id));
        // The deepest block that anybody had: an earlier one is in it.
        let blocks = ask.prefix.blocks();
        let deepest = blocks.iter().enumerate().rev().find_map(|(at, key)| Some((at, known(*key)?)));
        Recalled {
            prefix: deepest.map(|(at, id)| (id, Prefix::tokens(at + 1))),
            session: ask.session.and_then(|session| known(mix(session ^ SESSION))),
            adapter: ask.adapter.and_then(|adapter| known(mix(adapter ^ ADAPTER))),
        }
    }

    /// A request goes to this endpoint.
    pub fn remember(&self, ask: &Ask, id: EndpointId) {
        let mut seen = self.seen.lock();
        let session = ask.session.map(|session| mix(session ^ SESSION));
        let adapter = ask.adapter.map(|adapter| mix(adapter ^ ADAPTER));
        for key in ask.prefix.blocks().iter().copied().chain(session).chain(adapter) {
            seen.put(key, id);
        }
    }
}

impl Generations {
    fn get(&mut self, key: u64) -> Option<EndpointId> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    fn put(&mut self, key: u64, id: EndpointId) {
        if self.young.len() >= ENTRIES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, id);
    }
}

impl Recalled {
    /// The endpoints remembered for anything.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = EndpointId> {
        [self.prefix.map(|(id, _)| id), self.session, self.adapter].into_iter().flatten()
    }

    /// What it says about one endpoint.
    pub(super) fn of(&self, id: EndpointId) -> Known {
        Known {
            outstanding: 0,
            matched: self.prefix.filter(|(at, _)| *at == id).map_or(0, |(_, tokens)| tokens),
            session: self.session == Some(id),
            adapter: self.adapter == Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(session: u64) -> Ask {
        Ask { prompt_tokens: 1, session: Some(session), prefix: Prefix::default(), adapter: None }
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_is_used() {
        let memory = Memory::new([1, 2]);
        for session in 0..10 * ENTRIES as u64 {
            memory.remember(&ask(session), 1);
            memory.remember(&ask(u64::MAX), 2);
        }
        assert_eq!(memory.recall(&ask(u64::MAX)).session, Some(2));
        assert_eq!(memory.recall(&ask(0)).session, None);
        let seen = memory.seen.lock();
        assert!(seen.young.len() <= ENTRIES && seen.old.len() <= ENTRIES);
    }

    #[test]
    fn another_config_keeps_what_is_known_of_endpoints_that_stay() {
        let memory = Memory::new([1, 2]);
        memory.remember(&ask(7), 1);
        memory.remember(&ask(8), 2);
        // Pods come and go in a row: what nobody asked for in between is known all the same.
        let next = memory.carried_to([3, 1, 2]).carried_to([1, 2]).carried_to([3, 2]);
        assert_eq!((next.recall(&ask(7)).session, next.recall(&ask(8)).session), (None, Some(2)));
        assert_eq!(next.place(2), Some(1));
    }
}
