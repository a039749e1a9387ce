//! The engine's flags that keep it within the estimate.

use super::fits::usable;
use flotilla_operator::decide::placement::Gpu;
use flotilla_operator::decide::sizing::{Adapter, Engine, LlamaCpp, Request, SizingError};
use flotilla_operator::model_deployment::build::{memory_flags, split_flags};

/// The flags, one by one, each with its value; and the card they are for, where an engine is told a share of it.
pub(super) fn flags(
    request: &Request<'_>,
    card: Option<&'static Gpu>,
) -> Result<(Vec<String>, Option<&'static Gpu>), SizingError> {
    let of_card = |flags: &dyn Fn(&'static Gpu) -> Result<Vec<String>, SizingError>| match card {
        Some(gpu) => Ok((flags(gpu)?, card)),
        None => Ok((Vec::new(), None)),
    };
    match request.engine {
        Engine::LlamaCpp(engine) => Ok((llama_cpp(request, engine)?, None)),
        Engine::Vllm(engine) => of_card(&|gpu| {
            Ok(with_adapters(engine.flags(request, usable(gpu))?.args(), request, "--max-loras"))
        }),
        Engine::Sglang(engine) => of_card(&|gpu| {
            Ok(with_adapters(engine.flags(request, usable(gpu))?.args(), request, "--max-loras-per-batch"))
        }),
    }
}

/// Both engines set memory aside for as many adapters of the largest rank as they are told, whichever are loaded.
fn with_adapters(mut flags: Vec<String>, request: &Request<'_>, count: &str) -> Vec<String> {
    let ranks = request.adapters.iter().filter_map(|adapter| match adapter {
        Adapter::Rank(rank) | Adapter::Wide(rank) => Some(*rank),
        Adapter::Given(_) => None,
    });
    if let Some(rank) = ranks.max() {
        flags.extend([
            "--enable-lora".to_owned(),
            format!("{count}={}", request.adapters.len()),
            format!("--max-lora-rank={rank}"),
        ]);
    }
    flags
}

fn llama_cpp(request: &Request<'_>, engine: LlamaCpp) -> Result<Vec<String>, SizingError> {
    let sequences = request.parallel_sequences;
    let cells = LlamaCpp::context_tokens(request.context_tokens, sequences)?;
    let mut flags = memory_flags(cells, sequences, request.kv.name(), engine.ubatch_tokens);
    flags.extend(split_flags(request.gpus));
    Ok(flags.into_iter().map(|(flag, value)| format!("{flag} {value}")).collect())
}
