//! LoRA adapters that the flags ask for.

use crate::args::SizeArgs;
use crate::error::CliError;
use flotilla_operator::decide::sizing::{Adapter, Engine};

/// The rank where none is given; vLLM's default, too.
const DEFAULT_RANK: u32 = 16;
/// The ranks that vLLM takes: `MaxLoRARanks` in its vllm/config/lora.py (0.26).
const VLLM_RANKS: [u32; 9] = [1, 8, 16, 32, 64, 128, 256, 320, 512];

/// As many adapters as the flags say, all of one rank.
pub(super) fn adapters(args: &SizeArgs) -> Vec<Adapter> {
    let count = args.adapters.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    vec![Adapter::Rank(args.adapter_rank.unwrap_or(DEFAULT_RANK)); count]
}

/// Refuses a rank that the engine does not take.
pub(super) fn check(args: &SizeArgs, engine: Engine) -> Result<(), CliError> {
    let Some(rank) = args.adapter_rank.filter(|rank| !VLLM_RANKS.contains(rank)) else {
        return Ok(());
    };
    if !matches!(engine, Engine::Vllm(_)) {
        return Ok(());
    }
    let advice = match VLLM_RANKS.iter().find(|known| **known > rank) {
        Some(next) => format!("size for {next}, into which an adapter of rank {rank} fits"),
        None => "there is none as large".to_owned(),
    };
    let known = VLLM_RANKS.map(|rank| rank.to_string()).join(", ");
    Err(CliError::Usage(format!("--adapter-rank {rank}: vLLM has the ranks {known}; {advice}")))
}
