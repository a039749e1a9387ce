//! One pass over all models: what is asked, what there is, what there should be.

use super::board::{Brief, NewsFor};
use super::gauges::Gauges;
use super::group::{Around, Group, Said};
use super::{Board, EngineReports, Pods, Reports, Targets, by_model};
use crate::decide::placement::Inventory;
use crate::decide::scale::Book;
use crate::fleet::Stores;
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use std::collections::HashSet;
use std::sync::Arc;

/// What a pass looks at.
pub struct World {
    /// All `ModelDeployment`s.
    pub objects: Vec<Arc<DeserializeGuard<ModelDeployment>>>,
    /// All pods that Flotilla made.
    pub pods: Vec<Arc<Pod>>,
    /// The GPUs, and what pods have of them.
    pub inventory: Arc<Inventory>,
    /// Which models the backends of policies are.
    pub targets: Arc<Targets>,
}

impl World {
    /// From the caches.
    pub fn of(stores: &Stores, inventory: Arc<Inventory>, targets: Arc<Targets>) -> Self {
        let (objects, pods) = (stores.model_deployments.state(), stores.pods.state());
        Self { objects, pods, inventory, targets }
    }
}

/// What a pass changed.
#[derive(Debug, Default)]
pub struct News {
    /// These have to be reconciled.
    pub objects: Vec<ObjectKey>,
    /// Whether requests of some model go elsewhere, so that routers have to be told.
    pub spills: bool,
}

/// Decides for every model. What it remembers can be lost: see [`crate::decide::scale::Scaler`].
pub struct Autoscaler {
    reports: Arc<Reports>,
    engines: Arc<EngineReports>,
    board: Arc<Board>,
    gauges: Gauges,
    book: Book,
    /// What belongs together, in the order of [`scaled`].
    groups: Vec<Model>,
}

/// A group, and the name that its objects serve.
struct Model {
    namespace: String,
    name: String,
    group: Group,
}

impl Autoscaler {
    /// Reads reports of routers and engines, and posts to the board and the gauges.
    pub fn new(
        reports: Arc<Reports>,
        engines: Arc<EngineReports>,
        board: Arc<Board>,
        gauges: Gauges,
    ) -> Self {
        Self { reports, engines, board, gauges, book: Book::default(), groups: Vec::new() }
    }

    /// Decides once for every model with `spec.scaling`.
    pub fn pass(&mut self, world: &World, now: Timestamp) -> News {
        let sums = self.reports.sums(now, |policy, backend| world.targets.get(policy, backend));
        let engines = self.engines.sums(now);
        let pods = by_model(&world.pods);
        let none = Pods::default();
        let mut news = News::default();
        let scaled = scaled(&world.objects);
        let mut gone = Vec::new();
        let mut before = std::mem::take(&mut self.groups).into_iter().peekable();
        for objects in scaled.chunk_by(|a, b| a.serves() == b.serves()) {
            let Some((namespace, name)) = objects.first().map(Scaled::serves) else { continue };
            gone.extend(std::iter::from_fn(|| before.next_if(|model| model.serves() < (namespace, name))));
            let known = before.next_if(|model| model.serves() == (namespace, name));
            let mut model = known.unwrap_or_else(|| Model::new(namespace, name));
            let members = objects.iter().map(|Scaled { namespace, own, object, .. }| {
                let key = ObjectKey::of(*object);
                let desired = self.board.desired(&key);
                let said = Said { routers: sums.get(&key).copied(), engines: engines.get(&key).copied() };
                let pods = pods.get(&(*namespace, *own)).unwrap_or(&none);
                (*object, key, desired, pods, said)
            });
            let around = Around { inventory: &world.inventory, targets: &world.targets };
            let asks = |key: &ObjectKey, brief: &Brief<'_>| self.board.asks(key, brief, now);
            let decided = model.group.decide(members.collect(), around, &mut self.book, now, asks);
            if let Some(row) = decided.row
                && model.group.shown.replace(row) != Some(row)
            {
                self.gauges.set(namespace, name, row);
            }
            self.forget(&decided.gone, &scaled);
            for (key, status) in decided.statuses {
                let whom = self.board.post(&key, status, now);
                news.spills |= whom == NewsFor::Routers;
                if whom != NewsFor::Nobody {
                    news.objects.push(key);
                }
            }
            self.groups.push(model);
        }
        gone.extend(before);
        self.end(gone, &scaled);
        news
    }

    /// Drops models that are gone.
    fn end(&mut self, gone: Vec<Model>, present: &[Scaled<'_>]) {
        if gone.is_empty() {
            return;
        }
        for Model { namespace, name, group } in gone {
            self.gauges.remove(&namespace, &name);
            self.forget(&group.keys().cloned().collect::<Vec<_>>(), present);
        }
        let models: HashSet<&str> = self.groups.iter().flat_map(|model| model.group.models()).collect();
        self.book.retain(|model| models.contains(model));
    }

    /// Takes objects from the board that left a group, unless they are in another one now.
    fn forget(&self, gone: &[ObjectKey], present: &[Scaled<'_>]) {
        for key in gone {
            let is = |scaled: &Scaled<'_>| {
                (scaled.namespace, scaled.own) == (key.namespace.as_str(), key.name.as_str())
            };
            if !present.iter().any(is) {
                self.board.forget(key);
            }
        }
    }
}

impl Model {
    fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned(), group: Group::default() }
    }

    fn serves(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

/// An object that is scaled, and what it serves.
struct Scaled<'a> {
    namespace: &'a str,
    name: &'a str,
    /// The object's own name.
    own: &'a str,
    object: &'a ModelDeployment,
}

impl<'a> Scaled<'a> {
    fn serves(&self) -> (&'a str, &'a str) {
        (self.namespace, self.name)
    }
}

/// All of them, by namespace, served name and their own name.
fn scaled(objects: &[Arc<DeserializeGuard<ModelDeployment>>]) -> Vec<Scaled<'_>> {
    let mut scaled: Vec<_> = objects
        .iter()
        .filter_map(|guard| guard.0.as_ref().ok())
        .filter(|object| object.spec.scaling.is_some() && object.metadata.deletion_timestamp.is_none())
        .map(|object| Scaled {
            namespace: object.metadata.namespace.as_deref().unwrap_or_default(),
            name: object.served_name(),
            own: object.metadata.name.as_deref().unwrap_or_default(),
            object,
        })
        .collect();
    scaled.sort_unstable_by(|a, b| (a.serves(), a.own).cmp(&(b.serves(), b.own)));
    scaled
}
