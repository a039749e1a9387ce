//! What a model's spec, status and GPU say about its replicas.

use super::GpuPrice;
use super::cards::{Cards, most, places};
use crate::decide::placement::{Gpu, Inventory, known_gpu};
use crate::decide::scale::{Capacity, Efficiency, Shape, roofline};
use crate::kube_ext::to_mib;
use crate::model_deployment::need::DEFAULT_PARALLEL_SEQUENCES;
use crate::model_deployment::{choice, shape};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{EngineType, GpuSharing, MemoryStatus};

/// The card that stands in for one that is not known: the slowest of those that data centres have.
const STAND_IN: &str = "T4";
/// Rates that are taken for granted where not even the stand-in gives any, in tokens per second: a model of no size.
const ANY: (f64, f64) = (1000.0, 100.0);
/// The part of a declared memory that is taken for weights.
const DECLARED_WEIGHTS: f64 = 0.7;
/// Bits of a weight where the quantization is not known.
const UNKNOWN_BITS: f64 = 16.0;
/// Of the weights of a mixture of experts, the part that is in its experts.
const IN_EXPERTS: f64 = 0.9;
/// The part of its context that a sequence usually fills.
const FILLED: f64 = 0.25;
const MIB: f64 = 1_048_576.0;

/// What does not change from second to second.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The product of its GPUs; of several that which most replicas have.
    pub product: String,
    /// Whether all replicas have that one.
    pub alike: bool,
    /// What one replica is assumed to do until it has been seen busy.
    pub prior: Capacity,
    /// Requests that one replica answers at a time; none where only the engine knows.
    pub slots: Option<u32>,
    /// Whether any GPU is large enough, taken or not.
    pub fits: bool,
    /// Replicas that could be placed beside those that have a node.
    pub room: u32,
    /// What one GPU, partition or share costs, where that is known; of several products the mean over the replicas.
    pub price: Option<GpuPrice>,
    /// GPUs of one replica.
    pub gpus: u32,
    /// The products that its replicas may be on.
    pub products: Vec<String>,
}

impl Facts {
    /// Reads an object; `nodes` is where its replicas run, once for each. None before its memory is known.
    pub fn of(object: &ModelDeployment, inventory: &Inventory, nodes: &[&str]) -> Option<Self> {
        let memory = object.status.as_ref()?.memory.as_ref()?;
        let choice = choice(object, inventory, to_mib(&memory.required).ok()?);
        let sharing = object.spec.placement.as_ref().and_then(|placement| placement.sharing);
        let shared = sharing == Some(GpuSharing::Shared);
        let places = places(&choice, shared, inventory, nodes);
        let cards = most(&places, &choice, shared);
        let gpus = choice.fits.gpus.max(1);
        Some(Self {
            prior: prior(object, memory, &cards, gpus.into())?,
            slots: slots(object),
            fits: choice.fits.any() || choice.fits.closed > 0,
            room: choice.fits.room,
            price: GpuPrice::of(object, inventory, &places, &cards),
            gpus,
            alike: places.iter().all(|(_, there)| there.product == cards.product),
            product: cards.product.into_owned(),
            products: choice.fits.products.into_iter().map(|fit| fit.product).collect(),
        })
    }
}

fn slots(object: &ModelDeployment) -> Option<u32> {
    let given = object.spec.context.and_then(|context| context.parallel_sequences);
    match object.spec.engine.engine_type {
        EngineType::LlamaCpp => Some(given.unwrap_or(DEFAULT_PARALLEL_SEQUENCES)),
        EngineType::Custom => None,
    }
}

/// What the spec says, else the roofline of its card, else that of a slow one.
fn prior(object: &ModelDeployment, memory: &MemoryStatus, cards: &Cards<'_>, gpus: f64) -> Option<Capacity> {
    let given = object.spec.scaling.as_ref().and_then(|scaling| scaling.replica_capacity);
    if let Some(given) = given
        && let Some(capacity) =
            Capacity::new(given.prompt_tokens_per_second.into(), given.completion_tokens_per_second.into())
    {
        return Some(capacity);
    }
    let shape = shape_of(object, memory);
    // Layers are dealt out among several GPUs: each reads its part of the weights.
    let shape = Shape {
        active_parameters: shape.active_parameters / gpus,
        weight_bytes: shape.weight_bytes / gpus,
        kv_bytes: shape.kv_bytes / gpus,
        ..shape
    };
    let of = |card: &Gpu| roofline(card, &shape, Efficiency::USUAL).ok();
    let stand_in = || known_gpu(STAND_IN).and_then(of);
    // A partition has its part of the arithmetic and of the bandwidth, and so has a share if the others are busy.
    let of_part = |card| Some(of(card)?.scaled(cards.part));
    cards.card.and_then(of_part).or_else(stand_in).or_else(|| Capacity::new(ANY.0, ANY.1))
}

fn shape_of(object: &ModelDeployment, memory: &MemoryStatus) -> Shape {
    let bytes = |quantity| to_mib(quantity).map_or(0.0, |mib| mib as f64 * MIB);
    let weights = memory.weights.as_ref().map_or_else(|| bytes(&memory.total) * DECLARED_WEIGHTS, bytes);
    let sequences = slots(object).unwrap_or(DEFAULT_PARALLEL_SEQUENCES);
    let kv_cache = memory.kv_cache.as_ref().map_or(0.0, bytes);
    let quantization = object.status.as_ref().and_then(|status| status.quantization.as_deref());
    let active = active_part(object);
    Shape {
        active_parameters: weights * active * 8.0 / quantization.map_or(UNKNOWN_BITS, bits),
        weight_bytes: weights * active,
        kv_bytes: kv_cache / f64::from(sequences.max(1)) * FILLED,
        sequences,
    }
}

/// Bits of a weight, from the digits in the name: `Q4_K_M` has 4 and a bit more for its scales.
fn bits(quantization: &str) -> f64 {
    let digits: String =
        quantization.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    match digits.parse::<u8>() {
        Ok(whole @ (16 | 32)) => whole.into(),
        Ok(whole @ 1..=8) => f64::from(whole) + 0.7,
        _ => UNKNOWN_BITS,
    }
}

/// The part of the weights that a token passes through.
fn active_part(object: &ModelDeployment) -> f64 {
    let architecture = shape::of_spec(&object.spec.model).ok().flatten();
    let experts = architecture.and_then(|(architecture, _)| architecture.feed_forward.experts);
    experts.map_or(1.0, |experts| {
        let used = f64::from(experts.used) / f64::from(experts.count.max(1));
        1.0 - IN_EXPERTS + IN_EXPERTS * used.min(1.0)
    })
}
