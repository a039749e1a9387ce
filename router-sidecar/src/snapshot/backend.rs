//! A target with everything prebuilt that sending to it needs.

use super::{Health, Held, HoldRules, Spill};
use crate::account::{BackendCounters, Demand, Tokens};
use crate::dialect::Dialect;
use crate::request::Operation;
use crate::route::{Memory, Pace, Standing};
use crate::upstream::{Gate, GateRules, Pool};
use bytes::Bytes;
use flotilla_crds::router_config::NanoUsd;
use http::{HeaderName, HeaderValue, Uri};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// One backend of one policy.
#[derive(Debug)]
pub struct Backend {
    /// The backend's name in its policy.
    pub name: String,
    /// The name as a number, the same in every router and whatever else is in the config: sessions are bound by it.
    pub seed: u64,
    /// The name as a header value, for `x-flotilla-backend`.
    pub header: HeaderValue,
    /// Which side of the boundary it is on.
    pub side: Side,
    /// Why it must not be used now, as the config says.
    pub unavailable: Option<String>,
    /// Where requests go: engine pods, or the one address of an external API. Empty: not to be chosen now.
    pub endpoints: Vec<Endpoint>,
    /// What its endpoints have seen lately.
    pub memory: Arc<Memory>,
    /// The model as a number, if its endpoints serve other models besides: then it is an adapter, as far as balancing
    /// is concerned.
    pub number: Option<u64>,
    /// The adapters of the model.
    pub adapters: Vec<Adapter>,
    /// How long it takes to its first content.
    pub pace: Arc<Pace>,
    /// Bounds what is sent there at once, if the config says so.
    pub gate: Option<(Arc<Gate>, GateRules)>,
    /// Who serves the model, by OpenTelemetry's names (`gen_ai.provider.name`).
    pub provider: &'static str,
    /// What it speaks.
    pub dialect: &'static Dialect,
    /// The header with its key, marked sensitive.
    pub key: Option<(HeaderName, HeaderValue)>,
    /// What stands for the client's name of the model there: a JSON string with its quotes, and further members of the
    /// request where it has adapters that are to be left out.
    pub model_json: Bytes,
    /// Tokens of prompt and completion together, where known.
    pub context_window: Option<u32>,
    /// What tokens cost there.
    pub prices: Prices,
    /// How requests wait for its first replica, if they do.
    pub hold: Option<HoldRules>,
    /// What goes elsewhere now.
    pub spill: Option<Spill>,
    /// Those that wait.
    pub held: Arc<Held>,
    /// What is asked of it.
    pub demand: Arc<Demand>,
    /// What it served.
    pub counters: BackendCounters,
}

impl Backend {
    /// Its adapter of that name.
    pub fn adapter(&self, name: &str) -> Option<&Adapter> {
        self.adapters.iter().find(|adapter| &*adapter.name == name)
    }

    /// What to say instead of the model's name in a request, for the model or one of its adapters.
    pub fn model(&self, adapter: Option<&str>) -> Bytes {
        adapter
            .and_then(|name| self.adapter(name))
            .map_or(&self.model_json, |adapter| &adapter.model_json)
            .clone()
    }

    /// The standing of its best endpoint. A backend without any stands well: what it lacks shows elsewhere.
    pub fn standing(&self, now: Instant) -> Standing {
        let mut best = None;
        for endpoint in &self.endpoints {
            let standing = endpoint.health.standing(now);
            if standing == Standing::Good {
                return standing;
            }
            best = Some(best.map_or(standing, |best: Standing| best.min(standing)));
        }
        best.unwrap_or(Standing::Good)
    }
}

/// A LoRA adapter that a backend's endpoints have loaded.
#[derive(Debug)]
pub struct Adapter {
    /// Its name.
    pub name: Box<str>,
    /// It as a number, for balancing.
    pub number: u64,
    /// What asks for it in the place of the model's name: a JSON string, and further members of the request if need be.
    pub model_json: Bytes,
}

/// The two sides of the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Engine pods in this cluster.
    InCluster,
    /// An API outside it.
    External,
}

/// One address of a backend.
#[derive(Debug)]
pub struct Endpoint {
    /// The full address of its chats.
    pub chat: Uri,
    /// The same of its embeddings, if its API has them.
    pub embeddings: Option<Uri>,
    /// Connections to it, if it is an IP address without TLS; the same object as long as any config names it.
    pub pool: Option<Arc<Pool>>,
    /// A number for the address, the same in every config.
    pub id: u64,
    /// What it is doing now; the same object as long as any config names the address.
    pub load: Arc<Load>,
    /// How it fared; of an external API, for this backend's model and key alone.
    pub health: Arc<Health>,
}

impl Endpoint {
    /// The full address for an operation; `None` if its API has no such thing.
    pub fn uri(&self, operation: Operation) -> Option<&Uri> {
        match operation {
            Operation::Chat => Some(&self.chat),
            Operation::Embeddings => self.embeddings.as_ref(),
        }
    }
}

/// Prices per million tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prices {
    /// Of prompt tokens.
    pub input: NanoUsd,
    /// Of prompt tokens that the target had in its cache.
    pub cached_input: NanoUsd,
    /// Of completion tokens.
    pub output: NanoUsd,
}

impl Prices {
    /// The cost of one answer.
    pub fn cost(self, tokens: Tokens) -> NanoUsd {
        let cached = tokens.cached.min(tokens.prompt);
        let prompt = self.input.cost_of(tokens.prompt - cached);
        let prompt = prompt.saturating_add(self.cached_input.cost_of(cached));
        prompt.saturating_add(self.output.cost_of(tokens.completion))
    }
}

/// What is under way to one address.
#[derive(Debug, Default)]
pub struct Load {
    requests: AtomicUsize,
    tokens: AtomicU64,
}

impl Load {
    /// Requests in flight now.
    pub fn in_flight(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Tokens that these requests were estimated to need.
    pub fn outstanding(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Counts a request of so many tokens until the guard is dropped.
    pub fn start(self: &Arc<Self>, tokens: u64) -> InFlight {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
        InFlight { load: Arc::clone(self), tokens }
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight {
    load: Arc<Load>,
    tokens: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.load.requests.fetch_sub(1, Ordering::Relaxed);
        self.load.tokens.fetch_sub(self.tokens, Ordering::Relaxed);
    }
}
