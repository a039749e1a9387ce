//! One pass over all models: what is asked, what there is, what there should be.

use super::board::{Brief, NewsFor};
use super::gauges::Gauges;
use super::group::Group;
use super::part::{Around, Said};
use super::{Board, EngineReports, Pods, Reported, Reports, Targets, by_model};
use crate::decide::placement::Inventory;
use crate::decide::scale::{Book, Engines};
use crate::fleet::Stores;
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Between two seconds that are decided for.
const TICK: SignedDuration = SignedDuration::from_secs(1);
/// Between two passes while nothing moves: what is left to see then is that time goes by.
const AT_REST: SignedDuration = SignedDuration::from_secs(5);

/// What a pass looks at.
#[derive(Clone)]
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

    /// Whether nothing was replaced: caches put another one in the place of what changed.
    fn is(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Pod>, &Arc<Pod>)| Arc::ptr_eq(a, b);
        let pods = self.pods.len() == other.pods.len() && self.pods.iter().zip(&other.pods).all(same);
        let same = |(a, b): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(a, b);
        let objects =
            self.objects.len() == other.objects.len() && self.objects.iter().zip(&other.objects).all(same);
        let around = Arc::ptr_eq(&self.inventory, &other.inventory);
        objects && pods && around && Arc::ptr_eq(&self.targets, &other.targets)
    }
}

/// What a pass changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// These have to be reconciled.
    pub objects: Vec<ObjectKey>,
    /// Whether requests of some model go elsewhere, so that routers have to be told.
    pub spills: bool,
}

impl News {
    fn plus(mut self, mut other: Self) -> Self {
        self.objects.append(&mut other.objects);
        Self { objects: self.objects, spills: self.spills || other.spills }
    }
}

/// What routers and engines say of each model.
struct Heard<'a> {
    routers: HashMap<&'a ObjectKey, Reported>,
    engines: HashMap<Arc<ObjectKey>, Engines>,
}

impl Heard<'_> {
    /// The same of those who spoke, if they had said at `at` that nothing is asked.
    fn silence(&self, at: Timestamp) -> Self {
        Self {
            routers: self.routers.keys().map(|key| (*key, Reported::silence(at))).collect(),
            engines: self.engines.keys().map(|key| (key.clone(), Engines::default())).collect(),
        }
    }
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
    last: Option<Last>,
}

/// The last pass.
struct Last {
    at: Timestamp,
    world: World,
    /// Whether one was left out since.
    left_out: bool,
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
        Self { reports, engines, board, gauges, book: Book::default(), groups: Vec::new(), last: None }
    }

    /// Decides for every model with `spec.scaling`; to be called every second. While nothing is asked of any model and
    /// nothing in the world was replaced, only every fifth call does, and the others return `None`: thousands of models
    /// may be at rest.
    pub fn tick(&mut self, world: World, now: Timestamp) -> Option<News> {
        let quiet = self.reports.quiet() && self.engines.quiet();
        if let Some(last) = &mut self.last
            && quiet
            // A clock that went back would make it a long rest.
            && (SignedDuration::ZERO..AT_REST).contains(&now.duration_since(last.at))
            && last.world.is(&world)
        {
            last.left_out = true;
            return None;
        }
        if self.last.as_ref().is_some_and(|last| now < last.at) {
            self.begin_anew(now);
        }
        let left_out = self.last.as_ref().is_some_and(|last| last.left_out);
        // What comes now came in the last second, not in all of them since the last pass.
        let since = self.last.as_ref().map(|last| last.at).filter(|_| !left_out || quiet);
        let heard = self.heard(&world.targets, now, since.unwrap_or(now - TICK));
        let made_up = if left_out && !quiet {
            self.pass(&world, &heard.silence(now - TICK), now - TICK)
        } else {
            News::default()
        };
        let news = self.pass(&world, &heard, now);
        drop(heard);
        self.last = Some(Last { at: now, world, left_out: false });
        Some(made_up.plus(news))
    }

    /// Forgets everything, and has the board and the gauges forget it: another replica of the operator decides now, and
    /// when this one does again, what it knew is the past.
    pub fn resign(&mut self) {
        let gone = std::mem::take(&mut self.groups);
        self.end(gone, &[]);
        self.last = None;
        self.reports.forget();
    }

    /// The clock went back: moments that were remembered are in the future now, and nothing would seem to happen until it
    /// has caught up with them. So it is as after a restart, but for what was decided, learned and accounted for.
    fn begin_anew(&mut self, now: Timestamp) {
        tracing::warn!("the clock went back: scaling begins anew with the replicas that there are");
        self.last = None;
        self.reports.forget();
        self.engines.forget();
        self.board.went_back_to(now);
        for model in &mut self.groups {
            model.group.begin_anew();
        }
    }

    /// What there is to hear; what was served, since `since`.
    fn heard<'a>(&self, targets: &'a Targets, now: Timestamp, since: Timestamp) -> Heard<'a> {
        let passed = now.duration_since(since);
        let routers = self.reports.sums(now, passed, |policy, backend| targets.get(policy, backend));
        Heard { routers, engines: self.engines.sums(now) }
    }

    /// Decides once.
    fn pass(&mut self, world: &World, heard: &Heard<'_>, now: Timestamp) -> News {
        let pods = by_model(&world.pods, now);
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
                let decided = self.board.decided(object);
                let (routers, engines) = (heard.routers.get(&key), heard.engines.get(&key));
                let said = Said { routers: routers.copied(), engines: engines.copied() };
                let pods = pods.get(&(*namespace, *own)).unwrap_or(&none);
                (*object, key, decided, pods, said)
            });
            let around = Around { inventory: &world.inventory, targets: &world.targets, board: &self.board };
            let asks = |key: &ObjectKey, brief: &Brief<'_>| self.board.asks(key, brief, now);
            let decided = model.group.decide(members.collect(), around, &mut self.book, now, asks);
            match (std::mem::replace(&mut model.group.shown, decided.row), decided.row) {
                (before, Some(row)) if before != Some(row) => self.gauges.set(namespace, name, before, row),
                (Some(_), None) => self.gauges.remove(namespace, name),
                _ => {}
            }
            self.forget(&decided.gone, &scaled);
            for (key, shares) in decided.shares {
                news.spills |= self.board.share(&key, shares);
            }
            for (key, mode, status) in decided.statuses {
                let whom = self.board.post(&key, mode, status, now);
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
