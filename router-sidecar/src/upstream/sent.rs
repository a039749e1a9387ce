//! Whether a request has left the router.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once anything of an attempt's request may have gone to its target: before that nobody is at work on it. Whoever
/// asks may do so after the attempt was dropped.
#[derive(Debug, Clone, Default)]
pub struct Sent(Arc<AtomicBool>);

impl Sent {
    /// There is a connection, and the request is about to be written.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has left.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
