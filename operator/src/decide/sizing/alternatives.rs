//! What to change so that a model fits.

use std::fmt;

use super::checkpoint::{Format, Fp8Scales, Groups};
use super::{Bytes, KvCacheType, Quantization, Request, Weights, estimate};

/// Quantizations that cost little quality.
const FINE: &[Quantization] =
    &[Quantization::Q8_0, Quantization::Q6_K, Quantization::Q5_K_M, Quantization::Q4_K_M];
/// Quantizations that can be told from the original.
const ROUGH: &[Quantization] = &[Quantization::Q3_K_M, Quantization::Q2_K];
/// Checkpoint formats that most models are published in, the gentlest first.
const FORMATS: &[Format] = &[Format::Fp8(Fp8Scales::PerTensor), Format::Awq(Groups::new(4, 128))];
/// A shorter context than this serves little but greetings.
const SHORTEST_CONTEXT: u32 = 2048;

/// One field to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A smaller quantization.
    Quantization(Quantization),
    /// A smaller format of the checkpoint.
    Format(Format),
    /// A smaller KV cache type.
    KvCacheType(KvCacheType),
    /// Fewer sequences at a time.
    ParallelSequences(u32),
    /// A shorter context.
    ContextTokens(u32),
}

impl Change {
    fn apply<'a>(self, to: &Request<'a>) -> Request<'a> {
        let mut changed = *to;
        match self {
            Self::Quantization(quantization) => changed.weights = Weights::Gguf(quantization),
            Self::Format(format) => changed.weights = Weights::Checkpoint(format),
            Self::KvCacheType(kv) => changed.kv = kv,
            Self::ParallelSequences(count) => changed.parallel_sequences = count,
            Self::ContextTokens(tokens) => changed.context_tokens = tokens,
        }
        changed
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantization(quantization) => write!(f, "quantization {quantization}"),
            Self::Format(format) => write!(f, "format {format}"),
            Self::KvCacheType(kv) => write!(f, "kvCacheType {kv}"),
            Self::ParallelSequences(count) => write!(f, "parallelSequences {count}"),
            Self::ContextTokens(tokens) => write!(f, "maxTokens {tokens}"),
        }
    }
}

/// Changes that together make the model fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What to change, the cheapest sacrifice first.
    pub changes: Vec<Change>,
    /// The need of the fullest GPU after the changes.
    pub per_gpu: Bytes,
}

impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().enumerate() {
            let separator = if index == 0 { "" } else { " and " };
            write!(f, "{separator}{change}")?;
        }
        write!(f, " ({})", self.per_gpu)
    }
}

/// What could be changed in `request` for its need on each GPU to be at most `room`: of each kind of change the mildest
/// that suffices, kinds that cost the least first. Where no single change suffices, the shortest series of
/// changes in that order. Empty if nothing helps.
pub fn alternatives(request: &Request<'_>, room: Bytes) -> Vec<Alternative> {
    let kinds = kinds_of_change(request);
    let single: Vec<_> = kinds
        .iter()
        .filter_map(|kind| {
            kind.iter().find_map(|change| {
                let per_gpu = need_within(&change.apply(request), room)?;
                Some(Alternative { changes: vec![*change], per_gpu })
            })
        })
        .collect();
    if single.is_empty() { series(request, room, &kinds).into_iter().collect() } else { single }
}

/// Takes one change after the other until the need fits; within a kind, a change replaces the one before.
fn series(request: &Request<'_>, room: Bytes, kinds: &[Vec<Change>]) -> Option<Alternative> {
    let mut changed = *request;
    let mut taken: Vec<Change> = Vec::new();
    for change in kinds.iter().flatten() {
        let next = change.apply(&changed);
        if estimate(&next).is_err() {
            continue;
        }
        changed = next;
        taken.retain(|earlier| std::mem::discriminant(earlier) != std::mem::discriminant(change));
        taken.push(*change);
        if let Some(per_gpu) = need_within(&changed, room) {
            return Some(Alternative { changes: taken, per_gpu });
        }
    }
    None
}

fn need_within(request: &Request<'_>, room: Bytes) -> Option<Bytes> {
    estimate(request).ok().map(|estimate| estimate.per_gpu).filter(|need| *need <= room)
}

/// Every change that makes the request smaller, by kind: kinds from cheap to dear, each from mild to severe.
fn kinds_of_change(request: &Request<'_>) -> [Vec<Change>; 7] {
    let smaller = |ladder: &[Quantization]| {
        let of_now = match request.weights {
            Weights::Gguf(quantization) => Some(quantization),
            Weights::Checkpoint(_) | Weights::Given { .. } => None,
        };
        let smaller = ladder.iter().copied().filter(|q| of_now.is_some_and(|now| *q > now));
        smaller.map(Change::Quantization).collect()
    };
    let smaller_kv = |ladder: &[KvCacheType]| {
        ladder.iter().copied().filter(|kv| *kv > request.kv).map(Change::KvCacheType).collect()
    };
    [
        // Each engine has one of them; the other is refused by the estimate.
        smaller_kv(&[KvCacheType::FP8, KvCacheType::Q8_0]),
        smaller(FINE),
        smaller_formats(request),
        halvings(request.parallel_sequences, 1).map(Change::ParallelSequences).collect(),
        halvings(request.context_tokens, SHORTEST_CONTEXT).map(Change::ContextTokens).collect(),
        smaller_kv(&[KvCacheType::Q4_0]),
        smaller(ROUGH),
    ]
}

/// The formats in which a checkpoint's weights take less than now.
fn smaller_formats(request: &Request<'_>) -> Vec<Change> {
    let weights = |request: &Request<'_>| estimate(request).ok().map(|estimate| estimate.weights);
    let now = match request.weights {
        Weights::Checkpoint(_) => weights(request),
        Weights::Gguf(_) | Weights::Given { .. } => None,
    };
    let is_smaller = |change: &Change| {
        now.is_some_and(|now| weights(&change.apply(request)).is_some_and(|weights| weights < now))
    };
    FORMATS.iter().copied().map(Change::Format).filter(is_smaller).collect()
}

/// Halves of `from`, halves of these, and so on, none below `least`.
fn halvings(from: u32, least: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(from / 2), |value| Some(value / 2)).take_while(move |value| *value >= least)
}
