//! From a case to everything there is to say about it. Pure.

mod advice;
pub mod cost;
mod fits;
mod flags;

pub use fits::{Fit, Verdict};

use crate::case::{Basis, Case, Subject};
use flotilla_operator::decide::placement::Gpu;
use flotilla_operator::decide::sizing::{Adapter, Bytes, Engine, Estimate, SizingError, estimate};

/// What a replica needs and where it fits.
#[derive(Clone, Debug)]
pub struct Report {
    /// The model's name.
    pub name: String,
    /// How it is stored and served, a phrase each.
    pub facts: Vec<String>,
    /// The terms, where they can be computed.
    pub estimate: Option<Estimate>,
    /// GPUs that share the model.
    pub gpus: u32,
    /// The need of the fullest GPU: declared, or estimated.
    pub per_gpu: Bytes,
    /// Whether the need was declared.
    pub declared: bool,
    /// What comes on top, in percent.
    pub headroom_percent: u64,
    /// What a card must have.
    pub required: Bytes,
    /// The cards that have it, the smallest first.
    pub fits: Vec<Fit>,
    /// About the card that was asked for.
    pub asked: Option<Verdict>,
    /// The engine's flags that keep it within the estimate.
    pub flags: Vec<String>,
    /// The card that these flags are for, where they depend on it.
    pub flags_for: Option<&'static Gpu>,
    /// What else would fit, or what would no longer: a sentence each.
    pub alternatives: Vec<String>,
    /// What the figures were computed from.
    pub basis: Basis,
    /// Why the figures may be others in the end: a sentence each.
    pub warnings: Vec<String>,
    /// What the figures rest on: a sentence each.
    pub assumptions: Vec<String>,
}

/// Says everything about `subject`, and whether it fits `asked`.
pub fn report(subject: &Subject, asked: Option<&'static Gpu>) -> Result<Report, SizingError> {
    match subject {
        Subject::Model(case) => of_model(case, asked),
        Subject::Declared { name, per_gpu, headroom_percent } => {
            let required = with_headroom(*per_gpu, *headroom_percent);
            Ok(Report {
                name: name.clone(),
                facts: vec!["engine Custom".to_owned()],
                estimate: None,
                gpus: 1,
                per_gpu: *per_gpu,
                declared: true,
                headroom_percent: *headroom_percent,
                required,
                fits: fits::fits(*per_gpu, required),
                asked: asked.map(|gpu| fits::verdict(gpu, required)),
                flags: Vec::new(),
                flags_for: None,
                alternatives: Vec::new(),
                basis: Basis::Declared,
                warnings: Vec::new(),
                assumptions: vec![
                    "the need is declared in spec.placement.gpuMemory, not computed".to_owned(),
                ],
            })
        }
    }
}

fn of_model(case: &Case, asked: Option<&'static Gpu>) -> Result<Report, SizingError> {
    let request = case.request();
    let estimate = estimate(&request)?;
    let per_gpu = case.declared.unwrap_or(estimate.per_gpu);
    let required = with_headroom(per_gpu, case.headroom_percent);
    let card = asked.filter(|gpu| fits::usable(gpu) >= required).or_else(|| fits::smallest(required));
    let (flags, flags_for) = flags::flags(&request, card)?;
    let mut assumptions = case.notes.clone();
    assumptions.extend(estimate.assumptions.iter().map(ToString::to_string));
    if case.declared.is_some() {
        assumptions.push("spec.placement.gpuMemory replaces the estimate".to_owned());
    }
    Ok(Report {
        name: case.name.clone(),
        facts: facts(case),
        gpus: case.gpus,
        per_gpu,
        declared: case.declared.is_some(),
        headroom_percent: case.headroom_percent,
        required,
        fits: fits::fits(per_gpu, required),
        asked: asked.map(|gpu| fits::verdict(gpu, required)),
        flags,
        flags_for,
        alternatives: if case.declared.is_some() {
            Vec::new()
        } else {
            advice::advice(case, required, asked)
        },
        basis: case.basis,
        warnings: case.warnings.clone(),
        assumptions,
        estimate: Some(estimate),
    })
}

/// As the operator adds it: in whole MiB, rounded up.
pub(crate) fn with_headroom(need: Bytes, percent: u64) -> Bytes {
    let mib = need.mib();
    Bytes::from_mib(mib.saturating_add(mib.saturating_mul(percent).div_ceil(100)))
}

fn facts(case: &Case) -> Vec<String> {
    let sequences = if case.parallel_sequences == 1 { "sequence" } else { "sequences" };
    let mut facts = vec![
        case.format.clone(),
        engine(case.engine),
        format!("{} {sequences} of {} tokens", case.parallel_sequences, grouped(case.context_tokens.into())),
        format!("{} keys and values", case.kv),
    ];
    if case.gpus > 1 {
        facts.push(format!("{} GPUs", case.gpus));
    }
    if let Some(Adapter::Rank(rank)) = case.adapters.first() {
        let adapters = if case.adapters.len() == 1 { "adapter" } else { "adapters" };
        facts.push(format!("{} LoRA {adapters} of rank {rank}", case.adapters.len()));
    }
    facts
}

/// The engine's name, as its makers write it, and its version where that decides.
fn engine(engine: Engine) -> String {
    match engine {
        Engine::LlamaCpp(_) => "llama.cpp".to_owned(),
        Engine::Vllm(engine) => format!("vLLM {}", engine.version),
        Engine::Sglang(engine) => format!("SGLang {}", engine.version),
    }
}

/// Digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let shown: Vec<_> = [0, 999, 1000, 24_564, 1_048_576].map(grouped).into();
        assert_eq!(shown, ["0", "999", "1,000", "24,564", "1,048,576"]);
    }

    #[test]
    fn headroom_is_added_as_the_operator_does_and_never_overflows() {
        assert_eq!(with_headroom(Bytes::from_mib(3285), 5).mib(), 3285 + 165);
        assert_eq!(with_headroom(Bytes::new(u64::MAX), 99), Bytes::from_mib(u64::MAX));
    }
}
