//! The GPUs of the cluster and what pods have of them, as everybody who places sees them.

use crate::decide::placement::Inventory;
use std::sync::Arc;
use tokio::sync::watch;

/// The sending side.
pub type Publisher = watch::Sender<Option<Arc<Inventory>>>;

/// The inventory as last published.
#[derive(Debug, Clone)]
pub struct Capacity(watch::Receiver<Option<Arc<Inventory>>>);

impl Capacity {
    /// Nothing is known until the publisher says so.
    pub fn channel() -> (Publisher, Self) {
        let (publisher, receiver) = watch::channel(None);
        (publisher, Self(receiver))
    }

    /// An inventory that never changes.
    pub fn fixed(inventory: Inventory) -> Self {
        Self(watch::channel(Some(Arc::new(inventory))).1)
    }

    /// The inventory; waits for the first. Without one, an operator that has just started would take every model for
    /// one that fits nowhere.
    pub async fn inventory(&self) -> Arc<Inventory> {
        let mut receiver = self.0.clone();
        // The publisher ends with the operator; nothing is decided after that.
        let known = receiver.wait_for(Option::is_some).await;
        known.ok().and_then(|known| known.clone()).unwrap_or_default()
    }

    /// The inventory, if there is one yet.
    pub fn latest(&self) -> Option<Arc<Inventory>> {
        self.0.borrow().clone()
    }
}
