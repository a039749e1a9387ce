//! Bounds on the requests that wait for a backend's first replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldRules {
    /// Requests that may wait.
    pub most: usize,
    /// How long each may wait.
    pub patience: Duration,
    /// How long a replica takes to start.
    pub start: Duration,
}

/// Counts those who wait; goes on across configs.
#[derive(Debug, Default)]
pub struct Held(AtomicUsize);

impl Held {
    /// A place, if one is free.
    pub fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let place = Place(Arc::clone(self));
        // Counted before it is looked at: two at once cannot both have the last place.
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }

    /// Requests that wait now.
    pub fn len(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One place, free again when dropped.
#[derive(Debug)]
pub struct Place(Arc<Held>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let held = Arc::new(Held::default());
        let first = held.enter(2).unwrap();
        let second = held.enter(2).unwrap();
        assert!(held.enter(2).is_none());
        assert_eq!(held.len(), 2, "who was sent away is not counted");
        drop(first);
        assert!(held.enter(2).is_some());
        drop(second);
        assert!(held.is_empty());
    }
}
