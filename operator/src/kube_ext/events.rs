//! Events on the objects that users look at.

use super::within;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Publishes events. Those of one object, reason and action become a series, which for some minutes keeps the note of its
/// first.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Events reported by this operator pod.
    pub fn new(client: Client, pod: &str) -> Self {
        let reporter =
            Reporter { controller: super::FIELD_MANAGER.to_owned(), instance: Some(pod.to_owned()) };
        Self(Recorder::new(client, reporter))
    }

    /// Publishes one event. A lost event is logged, never an error: status says the same.
    pub async fn publish(
        &self,
        regarding: &ObjectReference,
        warning: bool,
        (action, reason): (&str, &str),
        note: &str,
    ) {
        let mut end = note.len().min(LONGEST_NOTE);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(note[..end].to_owned()),
            action: action.to_owned(),
            secondary: None,
        };
        let publish = self.0.publish(&event, regarding);
        if let Err(error) = within(|| format!("could not publish event {reason}"), publish).await {
            tracing::warn!(%error, "event lost");
        }
    }
}
