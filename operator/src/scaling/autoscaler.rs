//! One pass over all models: what is asked, what there is, what there should be.

use super::board::NewsFor;
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
use std::collections::{BTreeMap, HashSet};
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
    /// By namespace and served name: what belongs together.
    groups: BTreeMap<(String, String), Group>,
}

impl Autoscaler {
    /// Reads reports of routers and engines, and posts to the board and the gauges.
    pub fn new(
        reports: Arc<Reports>,
        engines: Arc<EngineReports>,
        board: Arc<Board>,
        gauges: Gauges,
    ) -> Self {
        Self { reports, engines, board, gauges, book: Book::default(), groups: BTreeMap::new() }
    }

    /// Decides once for every model with `spec.scaling`.
    pub fn pass(&mut self, world: &World, now: Timestamp) -> News {
        let sums = self.reports.sums(now, |policy, backend| world.targets.get(policy, backend));
        let engines = self.engines.sums(now);
        let pods = by_model(&world.pods);
        let none = Pods::default();
        let mut news = News::default();
        let mut kept = HashSet::new();
        let scaled = scaled(&world.objects);
        self.forget(&scaled);
        for ((namespace, model), objects) in scaled {
            let group = self.groups.entry((namespace.clone(), model.clone())).or_default();
            let members = objects.iter().map(|object| {
                let key = ObjectKey::of(*object);
                let desired = self.board.desired(&key);
                let said = Said { routers: sums.get(&key).copied(), engines: engines.get(&key).copied() };
                (*object, key.clone(), desired, pods.get(&key).unwrap_or(&none), said)
            });
            let around = Around { inventory: &world.inventory, targets: &world.targets };
            let decided = group.decide(members.collect(), around, &mut self.book, now);
            if let Some(row) = decided.row
                && group.shown.replace(row) != Some(row)
            {
                self.gauges.set(&namespace, &model, row);
            }
            for (key, status) in decided.statuses {
                kept.insert(key.clone());
                let whom = self.board.post(&key, status, now);
                news.spills |= whom == NewsFor::Routers;
                if whom != NewsFor::Nobody {
                    news.objects.push(key);
                }
            }
        }
        self.board.retain(|key| kept.contains(key));
        news
    }

    /// Drops the models that are gone.
    fn forget(&mut self, present: &BTreeMap<(String, String), Vec<&ModelDeployment>>) {
        let gauges = &self.gauges;
        self.groups.retain(|key, _| {
            let stays = present.contains_key(key);
            if !stays {
                gauges.remove(&key.0, &key.1);
            }
            stays
        });
        let models: HashSet<String> = self.groups.values().flat_map(Group::models).collect();
        self.book.retain(|model| models.contains(model));
    }
}

/// The objects that are scaled, by namespace and served name; those of one name by their own.
fn scaled(
    objects: &[Arc<DeserializeGuard<ModelDeployment>>],
) -> BTreeMap<(String, String), Vec<&ModelDeployment>> {
    let mut groups: BTreeMap<_, Vec<&ModelDeployment>> = BTreeMap::new();
    for guard in objects {
        if let Ok(object) = &guard.0
            && object.spec.scaling.is_some()
            && object.metadata.deletion_timestamp.is_none()
        {
            let namespace = object.metadata.namespace.clone().unwrap_or_default();
            groups.entry((namespace, object.served_name().to_owned())).or_default().push(object);
        }
    }
    for members in groups.values_mut() {
        members.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    }
    groups
}
