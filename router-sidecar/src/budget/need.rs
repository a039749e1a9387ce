//! How accounts say that they need a lease.

use tokio::sync::Notify;

/// Wakes whoever talks to the operator.
#[derive(Debug, Default)]
pub struct LeaseNeed(Notify);

impl LeaseNeed {
    /// An account needs more.
    pub fn raise(&self) {
        self.0.notify_one();
    }

    /// Waits until one does.
    pub async fn raised(&self) {
        self.0.notified().await;
    }
}
