//! Bounded queues of objects to reconcile, fed by whatever learns that they may have changed.

use futures::Stream;
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

/// Names waiting to be taken by a controller; senders wait when it is full.
const QUEUE: usize = 1024;

/// The sending side.
pub struct Trigger<K: Resource>(mpsc::Sender<ObjectRef<K>>)
where
    K::DynamicType: std::hash::Hash + Eq;

impl<K: Resource> Clone for Trigger<K>
where
    K::DynamicType: std::hash::Hash + Eq,
{
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The stream that a controller takes.
pub type Triggers<K> = std::pin::Pin<Box<dyn Stream<Item = ObjectRef<K>> + Send>>;

impl<K: Resource + 'static> Trigger<K>
where
    K::DynamicType: std::hash::Hash + Eq + Default + Send,
    K: Send,
{
    /// Has one object reconciled. Waits while the queue is full; does nothing once the controller is gone.
    pub async fn send(&self, namespace: &str, name: &str) {
        let _ = self.0.send(ObjectRef::new(name).within(namespace)).await;
    }
}

/// A queue and its stream.
pub fn trigger<K>() -> (Trigger<K>, Triggers<K>)
where
    K: Resource + Send + 'static,
    K::DynamicType: std::hash::Hash + Eq + Send,
{
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    (Trigger(sender), Box::pin(futures::stream::poll_fn(move |cx| receiver.poll_recv(cx))))
}
