//! One `ModelDeployment` of a group.

use super::economics::Books;
use super::learned;
use super::spill::remembered;
use super::start::Start;
use super::{Facts, GpuPrice, Pods, Reported, Targets};
use crate::decide::placement::Inventory;
use crate::decide::scale::{
    Asked, Book, Capacity, Direct, Engines, History, Key, Meter, OutputLength, Tokens,
};
use crate::decide::spill::{self, Load, Outlook, Spilling};
use crate::model_deployment::need::inputs;
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{EconomicsStatus, LearnedCapacity, ScalingStatus, SpillStatus};
use flotilla_crds::router_config::NanoUsd;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::sync::Arc;

/// The tokens of a request until a router saw one.
const USUAL: Tokens = Tokens::new(512.0, 256.0);

/// What is remembered of it from pass to pass.
pub(super) struct Member {
    pub(super) key: ObjectKey,
    /// How long its replicas take to start.
    pub(super) start: Option<SignedDuration>,
    starts: Start,
    facts: Option<(Basis, Facts)>,
    /// What its capacity is learned for.
    learns: Key,
    meter: Meter,
    metered: Option<Timestamp>,
    /// The tokens of one request.
    usual: Tokens,
    /// Tokens of the requests that replicas are answering, which count as served when these end.
    answering: Tokens,
    direct: Direct,
    recalled: bool,
    spill: Option<spill::Memory>,
    books: Option<Books>,
    /// What its spec had, and what was decided, where others set the number.
    advice: Option<(i32, u32)>,
    /// The last changes of its number.
    pub(super) history: History,
}

/// The replicas of a member, as whoever sends it requests sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct There {
    /// They serve what is meant for it.
    pub(super) ready: u32,
    /// They have a node and do not serve yet.
    pub(super) loading: u32,
    /// So many there should be.
    pub(super) desired: u32,
}

/// What the weights are quantized to, as far as it is known.
fn quantization(object: &ModelDeployment) -> Option<&str> {
    object.status.as_ref()?.quantization.as_deref()
}

/// What facts were read from.
struct Basis {
    generation: Option<i64>,
    required: Option<Quantity>,
    inputs: Option<String>,
    quantization: Option<String>,
    /// Whether the memory is that of the spec, and not of one before it.
    of_spec: bool,
    inventory: Arc<Inventory>,
    nodes: Vec<String>,
}

impl Basis {
    fn of(
        object: &ModelDeployment,
        before: Option<&Self>,
        inventory: &Arc<Inventory>,
        nodes: &[&str],
    ) -> Self {
        let memory = object.status.as_ref().and_then(|status| status.memory.as_ref());
        let is_of_spec = || {
            let known = memory.and_then(|memory| memory.inputs.as_deref());
            known.is_none_or(|known| known == inputs(&object.spec))
        };
        Self {
            generation: object.metadata.generation,
            required: memory.map(|memory| memory.required.clone()),
            inputs: memory.and_then(|memory| memory.inputs.clone()),
            quantization: quantization(object).map(str::to_owned),
            of_spec: before
                .filter(|before| before.is_of(object))
                .map_or_else(is_of_spec, |before| before.of_spec),
            inventory: Arc::clone(inventory),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        }
    }

    /// Whether neither spec nor memory have changed.
    fn is_of(&self, object: &ModelDeployment) -> bool {
        let memory = object.status.as_ref().and_then(|status| status.memory.as_ref());
        self.generation == object.metadata.generation
            && self.required.as_ref() == memory.map(|memory| &memory.required)
            && self.inputs.as_ref() == memory.and_then(|memory| memory.inputs.as_ref())
            && self.quantization.as_deref() == quantization(object)
    }

    fn is(&self, object: &ModelDeployment, inventory: &Arc<Inventory>, nodes: &[&str]) -> bool {
        Arc::ptr_eq(&self.inventory, inventory) && self.is_of(object) && self.nodes == nodes
    }
}

impl Member {
    pub(super) fn new(key: ObjectKey) -> Self {
        Self {
            key,
            start: None,
            starts: Start::default(),
            facts: None,
            learns: Key {
                model: String::new(),
                engine: String::new(),
                gpu: String::new(),
                output: OutputLength::of(USUAL.completion),
            },
            meter: Meter::default(),
            metered: None,
            usual: USUAL,
            answering: Tokens::default(),
            direct: Direct::default(),
            recalled: false,
            spill: None,
            books: None,
            advice: None,
            history: History::default(),
        }
    }

    /// Forgets what it saw of its load, and when.
    pub(super) fn begin_anew(&mut self) {
        (self.meter, self.metered) = (Meter::default(), None);
        self.direct = Direct::default();
        self.spill = None;
        self.history = History::default();
    }

    /// The replicas that there would be by what was decided so far, of an object whose number others set. It begins
    /// anew when they set another one.
    pub(super) fn advised(&self, set: i32) -> Option<u32> {
        self.advice.filter(|(then, _)| *then == set).map(|(_, advised)| advised)
    }

    /// Takes in what was decided for it.
    pub(super) fn advise(&mut self, set: i32, desired: u32) {
        self.advice = Some((set, desired));
    }

    /// Reads the object again if anything changed. False while too little is known of it.
    pub(super) fn refresh(
        &mut self,
        object: &ModelDeployment,
        inventory: &Arc<Inventory>,
        pods: &Pods<'_>,
    ) -> bool {
        let status = object.status.as_ref();
        let known = status.and_then(|status| status.scaling.as_ref()?.start_seconds);
        let remembered = || known.map(|seconds| SignedDuration::from_secs(seconds.into()));
        self.start = self.starts.observe(pods.newest, remembered);
        let nodes = pods.nodes.as_slice();
        match &mut self.facts {
            Some((read, _)) if read.is(object, inventory, nodes) => {}
            // Nothing of its own has changed, but GPUs around it, as they do whenever a pod comes or goes.
            Some((read, facts)) if read.is_of(object) && read.nodes == nodes => {
                read.inventory = Arc::clone(inventory);
                if let Some(found) = read.of_spec.then(|| Facts::of(object, inventory, nodes)).flatten() {
                    self.learns.gpu.clone_from(&found.product);
                    *facts = found;
                }
            }
            _ => self.read(object, inventory, nodes),
        }
        self.facts.is_some()
    }

    /// Reads all of it anew: its own spec or its nodes have changed.
    fn read(&mut self, object: &ModelDeployment, inventory: &Arc<Inventory>, nodes: &[&str]) {
        let basis = Basis::of(object, self.facts.as_ref().map(|(read, _)| read), inventory, nodes);
        let may_be_read = basis.of_spec || self.facts.is_none();
        let facts = may_be_read.then(|| Facts::of(object, inventory, nodes)).flatten();
        // A spec that cannot be carried out leaves its replicas as they are, and what is known of them.
        if let (None, Some((read, _))) = (&facts, &mut self.facts) {
            *read = basis;
            return;
        }
        self.learns = Key {
            model: format!(
                "{}/{}/{}",
                self.key.namespace,
                object.served_name(),
                quantization(object).unwrap_or_default()
            ),
            engine: format!("{:?}", object.spec.engine.engine_type),
            gpu: facts.as_ref().map(|facts| facts.product.clone()).unwrap_or_default(),
            ..self.learns
        };
        self.facts = facts.map(|facts| (basis, facts));
    }

    /// What capacities are learned for: the served name with its namespace and quantization.
    pub(super) fn model(&self) -> &str {
        &self.learns.model
    }

    /// What is asked, by what routers and engines say.
    pub(super) fn asked(
        &mut self,
        routers: Option<Reported>,
        engines: Option<Engines>,
        ready: u32,
        now: Timestamp,
    ) -> Option<Asked> {
        self.answering = Tokens::default();
        let routers = routers.map(|reported| {
            let Reported { demand, served, .. } = self.with_backlog(reported, ready);
            Asked { demand, served }
        });
        self.direct.combine(routers, engines, self.usual, now)
    }

    /// What is asked, with what waits in engines: requests beyond those that replicas answer at a time.
    fn with_backlog(&mut self, mut reported: Reported, ready: u32) -> Reported {
        let in_flight = reported.demand.in_flight;
        if in_flight > 0 {
            self.usual = reported.in_flight * (1.0 / f64::from(in_flight));
            self.learns.output = OutputLength::of(self.usual.completion);
        }
        if let Some(slots) = self.facts().and_then(|facts| facts.slots) {
            let beyond = in_flight.saturating_sub(slots.saturating_mul(ready));
            let part = f64::from(beyond) / f64::from(in_flight.max(1));
            let in_engines = reported.in_flight * part;
            let waiting = &mut reported.demand.waiting;
            waiting.prompt = waiting.prompt.max(in_engines.prompt);
            waiting.completion = waiting.completion.max(in_engines.completion);
            self.answering = reported.in_flight * (1.0 - part);
        } else {
            self.answering = reported.in_flight;
        }
        reported
    }

    /// Takes in what was served since the last pass.
    pub(super) fn learn(&mut self, asked: &Asked, ready: u32, book: &mut Book, now: Timestamp) {
        let passed = self.metered.replace(now).map(|then| now.duration_since(then).as_secs_f64());
        let served = asked.served * passed.unwrap_or(0.0).max(0.0);
        let waits = !asked.demand.waiting.is_zero();
        if let Some(seen) = self.meter.add(now, ready, served, self.answering, waits)
            && let Some(facts) = self.facts().filter(|facts| facts.alike)
        {
            book.observe(&self.learns, facts.prior, seen);
        }
    }

    /// Takes in what the status has of an operator before this one; once, when something is known of the object.
    pub(super) fn recall(&mut self, object: &ModelDeployment, book: &mut Book) {
        let Some(facts) = self.facts.as_ref().map(|(_, facts)| facts).filter(|_| !self.recalled) else {
            return;
        };
        let known = object.status.as_ref().and_then(|status| status.scaling.as_ref());
        let records = known.map(|known| known.learned.as_slice()).unwrap_or_default();
        for record in learned::recall(records, &self.learns, facts.prior, book) {
            tracing::info!(model = %self.key, ?record, "what was learned of its replicas does not hold any more");
        }
        self.recalled = true;
    }

    /// What was learned of its replicas, for the status.
    pub(super) fn learned(&self, book: &Book) -> Vec<LearnedCapacity> {
        self.facts().map(|_| learned::written(book, &self.learns)).unwrap_or_default()
    }

    /// What one replica can do.
    pub(super) fn capacity(&self, book: &Book) -> Option<Capacity> {
        self.facts().map(|facts| book.capacity(&self.learns, facts.prior))
    }

    /// Whether any GPU is large enough.
    pub(super) fn fits(&self) -> bool {
        self.facts().is_some_and(|facts| facts.fits)
    }

    /// Replicas that could be placed beside those that have a node.
    pub(super) fn room(&self) -> u32 {
        self.facts().map_or(0, |facts| facts.room)
    }

    /// GPUs of one replica.
    pub(super) fn gpus(&self) -> u32 {
        self.facts().map_or(1, |facts| facts.gpus)
    }

    /// The products that its replicas may be on.
    pub(super) fn products(&self) -> &[String] {
        self.facts().map(|facts| facts.products.as_slice()).unwrap_or_default()
    }

    /// What one replica costs in an hour, and who says so.
    pub(super) fn price(&self) -> Option<GpuPrice> {
        let facts = self.facts()?;
        let GpuPrice { hourly, source } = facts.price?;
        Some(GpuPrice { hourly: NanoUsd(hourly.0.saturating_mul(facts.gpus.into())), source })
    }

    /// Accounts for the time since the last pass, where there is a price.
    pub(super) fn account(
        &mut self,
        object: &ModelDeployment,
        pods: &Pods<'_>,
        served: Tokens,
        targets: &Targets,
        now: Timestamp,
    ) {
        let Some(price) = self.price() else { return };
        let known = object.status.as_ref().and_then(|status| status.scaling.as_ref());
        let books = self.books.get_or_insert_with(|| Books::opened(known, now));
        let compared = targets.comparison(&self.key);
        let going = pods.terminating.saturating_add(pods.marked);
        let replicas = pods.ready.saturating_add(pods.loading).saturating_add(going);
        books.add(now, (replicas, price.hourly), (served.prompt, served.completion), compared);
    }

    /// What its replicas cost, where there is a price; else what was saved while there was one. `known` is what the
    /// status has.
    pub(super) fn economics(
        &self,
        known: Option<&ScalingStatus>,
        targets: &Targets,
    ) -> Option<EconomicsStatus> {
        let known = known.and_then(|known| known.economics.as_ref());
        let Some(price) = self.price() else {
            let saved = self.books.as_ref().map(Books::saved).or_else(|| known.map(Books::saved_in));
            return saved.filter(|saved| saved.saved.is_some());
        };
        let compared = targets.comparison(&self.key);
        let told = self.books.as_ref().and_then(|books| books.status(price.hourly, price.source, compared));
        // Until the first minute is over, what was known.
        told.or_else(|| known.cloned())
    }

    /// What there is and what is asked, and what goes outside for it: the status, if anything does, and the shares for
    /// different policies.
    pub(super) fn spills(
        &mut self,
        object: &ModelDeployment,
        there: There,
        load: Option<Load>,
        targets: &Targets,
        now: Timestamp,
    ) -> (Option<SpillStatus>, Vec<Spilling>) {
        let outlook = Outlook {
            fits: self.fits(),
            room: self.room() > 0,
            desired: there.desired,
            ready: there.ready,
            loading: there.loading,
            load,
        };
        let remembered = || {
            let known = object.status.as_ref().and_then(|status| status.scaling.as_ref());
            let known = remembered(known).map(|spilling| spill::Memory::remembered(spilling, now));
            known.unwrap_or_default()
        };
        let memory = self.spill.get_or_insert_with(remembered);
        memory.observe(&outlook, now);
        let shares = super::spill::shares(memory, &self.key, targets);
        let first = shares.first();
        (first.map(|first| super::spill::status(*first, &outlook, &self.key, targets)), shares)
    }

    fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref().map(|(_, facts)| facts)
    }
}
