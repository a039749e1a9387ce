//! What else would fit, or what would no longer, in sentences.

use super::fits::{largest, next_below, smallest, usable};
use super::{grouped, with_headroom};
use crate::case::Case;
use flotilla_operator::decide::placement::Gpu;
use flotilla_operator::decide::sizing::{
    Alternative, Attention, Bytes, Change, Engine, alternatives, estimate,
};

/// More sequences than this on one GPU are a matter for measuring, not for planning.
const MOST_SEQUENCES: u32 = 256;
/// More GPUs than one server has are a matter of networks, too.
const MOST_GPUS: u32 = 8;
/// Ways to shrink that are offered for one card.
const OFFERED: usize = 3;

/// Sentences about `case`, which needs `required`, and about the card that was asked for.
pub(super) fn advice(case: &Case, required: Bytes, asked: Option<&'static Gpu>) -> Vec<String> {
    let asked_fits = asked.filter(|gpu| usable(gpu) >= required);
    let home = asked_fits.or_else(|| smallest(required));
    let mut sentences: Vec<String> = Vec::new();
    if let Some(home) = home {
        sentences.extend(more_sequences(case, home));
        sentences.extend(longer_context(case, home));
    }
    let smaller = match (asked, asked_fits, home) {
        (Some(asked), None, _) => Some(asked),
        (_, _, Some(home)) => next_below(home),
        (_, _, None) => largest(),
    };
    sentences.extend(smaller.and_then(|gpu| shrunk(case, gpu)));
    sentences.extend(smaller.and_then(|gpu| spread(case, gpu)));
    sentences
}

/// How many sequences the card has room for, and what the next power of two would need.
fn more_sequences(case: &Case, home: &Gpu) -> Option<String> {
    let requires = |sequences| required(&Case { parallel_sequences: sequences, ..case.clone() });
    let fits = |sequences| requires(sequences).is_some_and(|required| required <= usable(home));
    let most = (case.parallel_sequences..=MOST_SEQUENCES).take_while(|count| fits(*count)).last()?;
    let tokens = grouped(case.context_tokens.into());
    let room = format!(
        "{} at {tokens} tokens fits {} with up to {}",
        case.format,
        with_article(home),
        counted(most, "sequence")
    );
    let next = most.saturating_add(1).checked_next_power_of_two().filter(|next| *next <= MOST_SEQUENCES);
    let beyond = next.and_then(|next| Some((next, smallest(requires(next)?)?)));
    Some(match beyond {
        Some((next, gpu)) => format!("{room}; with {next} it needs {}.", with_article(gpu)),
        None => format!("{room}."),
    })
}

/// What the next longer context would need.
fn longer_context(case: &Case, home: &Gpu) -> Option<String> {
    let window = case.architecture.context_window;
    let longer = std::iter::successors(case.context_tokens.checked_mul(2), |tokens| tokens.checked_mul(2));
    let requires = |tokens| required(&Case { context_tokens: tokens, ..case.clone() });
    let each = match case.parallel_sequences {
        1 => String::new(),
        count => format!(" for each of {}", counted(count, "sequence")),
    };
    let mut fitting = None;
    for tokens in longer.take_while(|tokens| *tokens <= window) {
        let needed = requires(tokens)?;
        if needed <= usable(home) {
            fitting = Some(tokens);
            continue;
        }
        let need =
            format!("{} tokens{each} need {}.", grouped(tokens.into()), with_article(smallest(needed)?));
        return Some(match fitting {
            Some(fits) => format!("{} tokens still fit; {need}", grouped(fits.into())),
            None => need,
        });
    }
    fitting.map(|fits| format!("Up to {} tokens{each} fit it.", grouped(fits.into())))
}

/// What would have to change for the model to fit `gpu`.
fn shrunk(case: &Case, gpu: &Gpu) -> Option<String> {
    let room = Bytes::from_mib(gpu.usable_mib() * 100 / (100 + case.headroom_percent));
    let options = alternatives(&case.request(), room);
    let options: Vec<_> = options.iter().take(OFFERED).map(option).collect();
    let name = with_article(gpu);
    (!options.is_empty())
        .then(|| capitalised(&format!("{name} would do with {}.", options.join(", or with "))))
}

/// The fewest cards of that kind that could share the model.
fn spread(case: &Case, gpu: &Gpu) -> Option<String> {
    let (Attention::Grouped { heads, .. } | Attention::Latent { heads, .. }) = case.architecture.attention;
    // llama.cpp deals out whole layers, the others whole heads.
    let by_layers = matches!(case.engine, Engine::LlamaCpp(_));
    let counts = (case.gpus.saturating_add(1)..=MOST_GPUS)
        .filter(|count| count.is_power_of_two() && (by_layers || heads.is_multiple_of(*count)));
    let needs = |count| required(&Case { gpus: count, ..case.clone() });
    let mut fitting = counts.filter_map(|count| Some((count, needs(count)?)));
    let (count, need) = fitting.find(|(_, need)| *need <= usable(gpu))?;
    Some(format!("{count} × {} would share it, with {} on each.", gpu.name, need))
}

fn option(alternative: &Alternative) -> String {
    let changes: Vec<_> = alternative.changes.iter().copied().map(change).collect();
    format!("{} ({})", changes.join(" and "), alternative.per_gpu)
}

fn change(change: Change) -> String {
    match change {
        Change::Quantization(quantization) => format!("quantization {quantization}"),
        Change::Format(format) => format!("format {format}"),
        Change::KvCacheType(kv) => format!("{kv} keys and values"),
        Change::ParallelSequences(count) => counted(count, "sequence"),
        Change::ContextTokens(tokens) => format!("{} tokens a sequence", grouped(tokens.into())),
    }
}

fn required(case: &Case) -> Option<Bytes> {
    let estimate = estimate(&case.request()).ok()?;
    Some(with_headroom(estimate.per_gpu, case.headroom_percent))
}

fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// "an RTX 3060", "a T4": names are spelled letter by letter.
fn with_article(gpu: &Gpu) -> String {
    let vowel = gpu.name.starts_with(['A', 'H', 'L', 'R']);
    format!("{} {}", if vowel { "an" } else { "a" }, gpu.name)
}
