//! Engines and the formats of weights that each loads.

use crate::args::{EngineName, SizeArgs};
use crate::error::CliError;
use flotilla_operator::decide::nearest;
use flotilla_operator::decide::sizing::checkpoint::Format;
use flotilla_operator::decide::sizing::{Engine, LlamaCpp, Quantization, Sglang, Vllm, Weights};

/// The engine that the flags ask for, else `default`.
pub(super) fn engine(args: &SizeArgs, default: EngineName) -> Result<Engine, CliError> {
    let version = args.engine_version.as_deref().map(str::parse).transpose()?;
    match args.engine.unwrap_or(default) {
        EngineName::LlamaCpp if version.is_some() => {
            let usage = "--engine-version is for vllm and sglang; llama.cpp is sized as its current build is";
            Err(CliError::Usage(usage.to_owned()))
        }
        EngineName::LlamaCpp => Ok(Engine::LlamaCpp(LlamaCpp::default())),
        EngineName::Vllm => {
            let engine = Vllm::default();
            Ok(Engine::Vllm(Vllm { version: version.unwrap_or(engine.version), ..engine }))
        }
        EngineName::Sglang => {
            let engine = Sglang::default();
            Ok(Engine::Sglang(Sglang { version: version.unwrap_or(engine.version), ..engine }))
        }
    }
}

/// What serves a config.json's checkpoint: llama.cpp if the quantization asked for is one of its own.
pub(super) fn for_checkpoint(args: &SizeArgs) -> EngineName {
    let given = args.quantization.as_deref().unwrap_or_default();
    let of_gguf_only = given.parse::<Quantization>().is_ok() && given.parse::<Format>().is_err();
    if of_gguf_only { EngineName::LlamaCpp } else { EngineName::Vllm }
}

/// A quantization by the name that people give it.
pub(super) fn weights(given: &str, engine: Engine) -> Result<(Weights, String), CliError> {
    let gguf = given.parse::<Quantization>();
    let checkpoint = given.parse::<Format>();
    match (engine, gguf, checkpoint) {
        (Engine::LlamaCpp(_), Ok(quantization), _) => Ok((quantization.into(), quantization.to_string())),
        (Engine::LlamaCpp(_), Err(_), Ok(_)) => Err(CliError::Usage(format!(
            "llama.cpp does not load {given}: choose a GGUF type such as Q4_K_M, or --engine vllm"
        ))),
        (Engine::LlamaCpp(_), ..) => {
            let names = Quantization::ALL.iter().map(|known| known.name());
            Err(unknown(given, "llama.cpp", names))
        }
        (_, _, Ok(format)) => Ok((format.into(), format.to_string())),
        (_, Ok(_), Err(_)) => Err(CliError::Usage(format!(
            "{given} is a GGUF type: choose --engine llamacpp, or a format such as BF16, FP8 or AWQ"
        ))),
        (Engine::Vllm(_), ..) => Err(unknown(given, "vLLM", Format::names())),
        (Engine::Sglang(_), ..) => Err(unknown(given, "SGLang", Format::names())),
    }
}

fn unknown(given: &str, engine: &'static str, names: impl Iterator<Item = &'static str>) -> CliError {
    let keyed = names.map(|name| (name.to_ascii_lowercase(), name));
    let nearest = nearest(&given.to_ascii_lowercase(), keyed);
    CliError::Quantization { given: given.to_owned(), engine, nearest }
}

/// How weights are stored, for people.
pub(super) fn stored(weights: Weights) -> String {
    match weights {
        Weights::Gguf(quantization) => quantization.to_string(),
        Weights::Checkpoint(format) => format.to_string(),
        Weights::Given { bytes, .. } => format!("a file of {bytes}"),
    }
}
