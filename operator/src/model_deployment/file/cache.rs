//! Reads each file once, whoever asks, and remembers what it said.

use super::entry::{Entry, Head};
use super::{Failure, FileState, Look, Place, Readers};
use flotilla_crds::ModelDeployment;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Files read at the same time.
const AT_ONCE: usize = 16;
/// Files remembered; those that nobody asked for the longest go first.
const MOST_FILES: usize = 1024;
/// How long one reading may take, once it is its turn.
const READ_DEADLINE: Duration = Duration::from_secs(40);
/// How long who asks waits for a reading. Most are done by then, and the first pass knows all.
const PATIENCE: Duration = Duration::from_secs(2);
/// When to ask again after that.
const COME_BACK: Duration = Duration::from_secs(2);

/// The files of all objects.
#[derive(Clone)]
pub struct Files(Option<Arc<Inner>>);

struct Inner {
    readers: Readers,
    turns: Semaphore,
    files: Mutex<BTreeMap<Place, Slot>>,
}

#[derive(Default)]
struct Slot {
    entry: Entry,
    reading: Option<Reading>,
    asked: Option<Instant>,
}

/// A task that is on its way; it ends when its slot goes.
struct Reading {
    done: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Files {
    /// Reads by `readers`.
    pub fn new(readers: Readers) -> Self {
        let turns = Semaphore::new(AT_ONCE);
        Self(Some(Arc::new(Inner { readers, turns, files: Mutex::default() })))
    }

    /// Reads nothing: every file is as if it lay in a volume.
    pub const fn off() -> Self {
        Self(None)
    }

    /// What the object's file says, as far as it is known by now.
    pub async fn look(&self, object: &ModelDeployment) -> Look {
        match (&self.0, Place::of(object)) {
            (None, _) | (_, Ok(None)) => Look::NONE,
            (_, Err(failure)) => Look { state: FileState::Failed(Arc::new(failure)), again: None },
            (Some(inner), Ok(Some(place))) => inner.look(place).await,
        }
    }
}

impl Inner {
    async fn look(self: &Arc<Self>, place: Place) -> Look {
        if let Some(mut done) = self.begin(&place) {
            // An end of the task without a word shows below, too.
            let _ = tokio::time::timeout(PATIENCE, done.wait_for(|done| *done)).await;
        }
        let files = self.files.lock();
        let slot = files.get(&place);
        let mut look = slot
            .map_or(Look { state: FileState::Reading, again: None }, |slot| slot.entry.look(Instant::now()));
        if slot.is_none_or(|slot| slot.reading.is_some()) {
            look.again = Some(COME_BACK);
        }
        look
    }

    /// Starts a reading if one is due, and says when the one under way is done.
    fn begin(self: &Arc<Self>, place: &Place) -> Option<watch::Receiver<bool>> {
        let now = Instant::now();
        let mut files = self.files.lock();
        if files.len() >= MOST_FILES && !files.contains_key(place) {
            let oldest = files.iter().min_by_key(|(_, slot)| slot.asked).map(|(place, _)| place.clone());
            oldest.and_then(|oldest| files.remove(&oldest));
        }
        let slot = files.entry(place.clone()).or_default();
        slot.asked = Some(now);
        if slot.reading.is_none() && slot.entry.is_due(now) {
            let (announce, done) = watch::channel(false);
            let task = self.clone().run(place.clone(), slot.entry.head().cloned(), announce);
            slot.reading = Some(Reading { done, _task: AbortOnDropHandle::new(tokio::spawn(task)) });
        }
        slot.reading.as_ref().map(|reading| reading.done.clone())
    }

    async fn run(self: Arc<Self>, place: Place, known: Option<Head>, announce: watch::Sender<bool>) {
        // Never closed, so it cannot fail.
        let turn = self.turns.acquire().await;
        let reading = place.readable().read(&self.readers, known);
        let late = |_| Err(Failure::late(&place, READ_DEADLINE.as_secs()));
        let result = tokio::time::timeout(READ_DEADLINE, reading).await.unwrap_or_else(late);
        drop(turn);
        if let Err(failure) = &result {
            tracing::warn!(file = %place, why = %failure.message, "a model file was not read");
        }
        if let Some(slot) = self.files.lock().get_mut(&place) {
            slot.entry.store(result, place.readable().may_move(), Instant::now());
            slot.reading = None;
        }
        // Nobody may be waiting any more.
        let _ = announce.send(true);
    }
}
