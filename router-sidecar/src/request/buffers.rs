//! A bound on the bytes of bodies that are held at once, whoever they belong to.
//!
//! Without it, clients that send large bodies slowly add up to more memory than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what all requests hold.
#[derive(Debug)]
pub struct Buffers {
    limit: usize,
    held: AtomicUsize,
}

/// The limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl Buffers {
    /// Room for so many bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0) })
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A holder of nothing so far.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held { buffers: Arc::clone(self), bytes: 0 }
    }
}

/// What one holder has; given back when dropped.
#[derive(Debug)]
pub struct Held {
    buffers: Arc<Buffers>,
    bytes: usize,
}

impl Held {
    /// Holds `bytes` in all from now on, if there is room; what is held already stays so otherwise.
    ///
    /// # Errors
    /// There is no room.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.buffers.held.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.buffers.limit {
            self.buffers.held.fetch_sub(more, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.bytes += more;
        Ok(())
    }

    /// Another holder of the same room.
    #[must_use]
    pub fn another(&self) -> Self {
        self.buffers.hold()
    }

    /// Gives everything back.
    pub fn release(&mut self) {
        self.buffers.held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_share_the_room_and_give_it_back() {
        let buffers = Buffers::new(10);
        let (mut one, mut two) = (buffers.hold(), buffers.hold());
        assert_eq!((one.grow_to(6), two.grow_to(4)), (Ok(()), Ok(())));
        assert_eq!((one.grow_to(5), one.grow_to(7)), (Ok(()), Err(NoRoom)));
        assert_eq!(buffers.held(), 10);
        drop(two);
        assert_eq!((one.grow_to(10), buffers.held()), (Ok(()), 10));
        one.release();
        assert_eq!(buffers.held(), 0);
        assert_eq!(buffers.hold().grow_to(usize::MAX), Err(NoRoom));
    }
}
