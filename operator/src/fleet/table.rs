//! What is kept of watched objects where that is far less than the objects.

use kube::runtime::watcher;
use kube::{Resource, ResourceExt as _};
use std::collections::HashMap;

/// Namespace and name.
type Key = (String, String);

/// A few words on each object, kept up to date by a watch.
#[derive(Debug)]
pub(super) struct Table<V> {
    rows: HashMap<Key, V>,
    /// The rows of a list that is under way.
    listed: HashMap<Key, V>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { rows: HashMap::new(), listed: HashMap::new() }
    }
}

impl<V: PartialEq> Table<V> {
    /// Takes in what a watch says; true if anything is news. Objects of which `read` makes nothing are not kept.
    pub(super) fn take_in<K: Resource>(
        &mut self,
        event: watcher::Event<K>,
        read: impl Fn(&K) -> Option<V>,
    ) -> bool {
        let key = |object: &K| (object.namespace().unwrap_or_default(), object.name_any());
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(object) => {
                if let Some(row) = read(&object) {
                    self.listed.insert(key(&object), row);
                }
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let news = listed != self.rows;
                self.rows = listed;
                return news;
            }
            watcher::Event::Apply(object) => {
                return match read(&object) {
                    Some(row) => {
                        let news = self.rows.get(&key(&object)) != Some(&row);
                        self.rows.insert(key(&object), row);
                        news
                    }
                    None => self.rows.remove(&key(&object)).is_some(),
                };
            }
            watcher::Event::Delete(object) => return self.rows.remove(&key(&object)).is_some(),
        }
        false
    }

    /// What is known.
    pub(super) fn rows(&self) -> impl Iterator<Item = &V> + Clone {
        self.rows.values()
    }
}
