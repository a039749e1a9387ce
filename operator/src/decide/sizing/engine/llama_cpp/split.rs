//! Several GPUs: what each of them holds.

use super::super::super::estimate::Terms;
use crate::decide::sizing::{Architecture, Assumption, Bytes, SizingError};

const TERM: &str = "all GPUs";
/// With layers on several GPUs llama.cpp works on so many passes at once, each with masks of its own
/// (`GGML_SCHED_MAX_COPIES`).
const PASSES: u64 = 4;

/// Spreads the terms of one GPU over `gpus` of them by layers, llama.cpp's default (`--split-mode layer`):
/// each holds its layers with their cache and state, and needs working memory and a runtime of its own.
pub(super) fn split(
    mut terms: Terms,
    a: &Architecture,
    gpus: u32,
    masks: Bytes,
) -> Result<Terms, SizingError> {
    let of_layers = [terms.kv_cache, terms.adapters, terms.state]
        .into_iter()
        .try_fold(terms.weights, |sum, term| sum.plus(term, TERM))?;
    let own = terms.compute.plus(terms.runtime, TERM)?;
    if gpus <= 1 {
        terms.per_gpu = of_layers.plus(own, TERM)?;
        return Ok(terms);
    }
    // The output projection is dealt out as one more layer.
    let dealt = a.layers.saturating_add(1);
    let fullest = u64::from(dealt.div_ceil(gpus));
    let share = of_layers.divided(dealt.into());
    let masks = Bytes::product(&[masks.get(), PASSES - 1], TERM)?;
    let compute = terms.compute.plus(masks, TERM)?;
    terms.per_gpu =
        Bytes::product(&[share.get(), fullest], TERM)?.plus(compute, TERM)?.plus(terms.runtime, TERM)?;
    terms.compute = Bytes::product(&[compute.get(), gpus.into()], TERM)?;
    terms.runtime = Bytes::product(&[terms.runtime.get(), gpus.into()], TERM)?;
    terms.assumptions.push(Assumption::SplitByLayer { gpus });
    Ok(terms)
}
