//! Layers that see only a window.

use super::keys::Keys;
use crate::decide::sizing::{Layers, Sliding};
use crate::model_file::gguf::{GgufError, Value};

const WINDOW: &str = "attention.sliding_window";
const PATTERN: &str = "attention.sliding_window_pattern";

/// Architectures whose windows llama.cpp applies, after how many layers one sees everything (the last of so
/// many; `set_swa_pattern` in llama-hparams.cpp), and the window of files that do not say it. Others, Mistral and
/// Phi-3 among them, run without a window whatever their file says.
const PERIODS: [(&str, u32, Option<u32>); 8] = [
    ("cohere2", 4, None),
    ("exaone4", 4, None),
    ("gemma2", 2, Some(4096)),
    ("gemma3", 6, None),
    ("gemma3n", 5, None),
    ("gpt-oss", 2, None),
    ("llama4", 4, Some(8192)),
    ("olmo2", 4, None),
];

/// The window, if the engine applies one.
pub(super) fn sliding(keys: &Keys<'_>) -> Result<Option<Sliding>, GgufError> {
    let row = PERIODS.iter().find(|(name, ..)| *name == keys.name);
    let window = keys.number(WINDOW)?.or(row.and_then(|(.., window)| *window));
    let Some(window) = window.filter(|window| *window > 0) else { return Ok(None) };
    let layers = match (keys.metadata.get(&keys.full(PATTERN)), row) {
        // One mark per layer.
        (Some(Value::Integers(marks)), _) => Layers::List(marks.iter().map(|mark| *mark != 0).collect()),
        (Some(_), Some(_)) => every(keys.required(PATTERN)?),
        (None, Some((_, period, _))) => every(*period),
        (_, None) => return Ok(None),
    };
    Ok(Some(Sliding { window, layers }))
}

/// All layers but the last of each `period`; 0 stands for all, 1 for none.
fn every(period: u32) -> Layers {
    match period {
        0 => Layers::All,
        1 => Layers::None,
        _ => Layers::EveryExcept { period, offset: period - 1 },
    }
}
