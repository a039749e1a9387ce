//! The engine's flags that keep it within the estimate.

use super::fits::usable;
use flotilla_operator::decide::placement::Gpu;
use flotilla_operator::decide::sizing::{Engine, LlamaCpp, Request, SizingError};
use flotilla_operator::model_deployment::build::memory_flags;

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
        Engine::Vllm(engine) => of_card(&|gpu| Ok(engine.flags(request, usable(gpu))?.args())),
        Engine::Sglang(engine) => of_card(&|gpu| Ok(engine.flags(request, usable(gpu))?.args())),
    }
}

fn llama_cpp(request: &Request<'_>, engine: LlamaCpp) -> Result<Vec<String>, SizingError> {
    let sequences = request.parallel_sequences;
    let cells = LlamaCpp::context_tokens(request.context_tokens, sequences)?;
    let flags = memory_flags(cells, sequences, request.kv.name(), engine.ubatch_tokens);
    Ok(flags.into_iter().map(|(flag, value)| format!("{flag} {value}")).collect())
}
