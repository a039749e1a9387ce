//! What tests of model files share: heads to order, and a file in memory that counts what is read of it.

use super::read::{Reach, ReadAt, ReadError};
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;

/// Builds the head of a GGUF file.
#[derive(Clone, Debug)]
pub(crate) struct GgufHead {
    pub(crate) version: u32,
    keys: Vec<Vec<u8>>,
    tensors: Vec<(String, Vec<u64>, u32)>,
}

pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const TEXT: u32 = 8;
pub(crate) const ARRAY: u32 = 9;
pub(crate) const U64: u32 = 10;

/// A text with its length before it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl GgufHead {
    pub(crate) fn new() -> Self {
        Self { version: 3, keys: Vec::new(), tensors: Vec::new() }
    }

    /// A key with a value as it stands in the file.
    pub(crate) fn raw(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.keys.push([&text(key), &kind.to_le_bytes()[..], value].concat());
        self
    }

    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.raw(key, U32, &value.to_le_bytes())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.raw(key, TEXT, &text(value))
    }

    pub(crate) fn array(self, key: &str, kind: u32, elements: u64, values: &[u8]) -> Self {
        let value = [&kind.to_le_bytes()[..], &elements.to_le_bytes(), values].concat();
        self.raw(key, ARRAY, &value)
    }

    pub(crate) fn numbers(self, key: &str, values: &[u32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.array(key, U32, values.len() as u64, &bytes)
    }

    pub(crate) fn flags(self, key: &str, values: &[bool]) -> Self {
        let bytes: Vec<u8> = values.iter().map(|value| u8::from(*value)).collect();
        self.array(key, BOOL, values.len() as u64, &bytes)
    }

    /// A vocabulary with scores, types and a chat template, in the order of llama.cpp's converters.
    pub(crate) fn vocabulary(self, tokens: u32) -> Self {
        let words: Vec<u8> = (0..tokens).flat_map(|token| text(&format!("token{token}"))).collect();
        let numbers = vec![0; tokens as usize * 4];
        self.text("tokenizer.ggml.model", "gpt2")
            .array("tokenizer.ggml.tokens", TEXT, tokens.into(), &words)
            .array("tokenizer.ggml.scores", F32, tokens.into(), &numbers)
            .array("tokenizer.ggml.token_type", I32, tokens.into(), &numbers)
            .text("tokenizer.chat_template", &"{{ message }}".repeat(500))
    }

    /// The same metadata without any tensor.
    pub(crate) fn without_tensors(&self) -> Self {
        Self { tensors: Vec::new(), ..self.clone() }
    }

    /// A tensor; offsets follow from the order.
    pub(crate) fn tensor(mut self, name: &str, dimensions: &[u64], kind: u32) -> Self {
        self.tensors.push((name.to_owned(), dimensions.to_vec(), kind));
        self
    }

    /// The head, and where its data and its last tensor end. Only for tensors of valid sizes.
    pub(crate) fn build(&self) -> (Vec<u8>, u64) {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.keys.len() as u64).to_le_bytes());
        bytes.extend(self.keys.concat());
        let mut offset = 0_u64;
        let mut end = 0;
        for (name, dimensions, kind) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
            bytes.extend(dimensions.iter().flat_map(|dimension| dimension.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            // Values and bytes of a block: F32, F16, Q4_1, Q8_0, Q6_K.
            let (values, size) = match kind {
                0 => (1, 4),
                1 => (1, 2),
                3 => (32, 20),
                8 => (32, 34),
                14 => (256, 210),
                other => panic!("the builder does not know type {other}"),
            };
            end = offset + dimensions.iter().product::<u64>() / values * size;
            offset = end.next_multiple_of(32);
        }
        let data = (bytes.len() as u64).next_multiple_of(32);
        (bytes, data + end)
    }

    /// The head alone.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.build().0
    }
}

/// A small Llama as the converter writes it: 2 layers of 64, a vocabulary of `tokens`, output apart.
pub(crate) fn small_llama(tokens: u32) -> GgufHead {
    let vocab = u64::from(tokens);
    let head = GgufHead::new()
        .text("general.architecture", "llama")
        .text("general.type", "model")
        .text("general.name", "small")
        .number("llama.block_count", 2)
        .number("llama.context_length", 2048)
        .number("llama.embedding_length", 64)
        .number("llama.feed_forward_length", 192)
        .number("llama.attention.head_count", 4)
        .number("llama.attention.head_count_kv", 2)
        .vocabulary(tokens)
        .number("general.quantization_version", 2)
        .number("general.file_type", 1)
        .tensor("output_norm.weight", &[64], 0)
        .tensor("output.weight", &[64, vocab], 1)
        .tensor("token_embd.weight", &[64, vocab], 1);
    (0..2).fold(head, |head, layer| {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        head.tensor(&name("attn_norm"), &[64], 0)
            .tensor(&name("attn_q"), &[64, 64], 1)
            .tensor(&name("attn_k"), &[64, 32], 1)
            .tensor(&name("attn_v"), &[64, 32], 1)
            .tensor(&name("attn_output"), &[64, 64], 1)
            .tensor(&name("ffn_norm"), &[64], 0)
            .tensor(&name("ffn_gate"), &[64, 192], 1)
            .tensor(&name("ffn_up"), &[64, 192], 1)
            .tensor(&name("ffn_down"), &[192, 64], 1)
    })
}

/// A file whose start is in memory; the rest, up to its size, is zeros.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    name: String,
    start: Bytes,
    size: u64,
    reach: Reach,
    beside: Vec<(String, Bytes, u64)>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl MemoryFile {
    pub(crate) fn new(name: &str, start: impl Into<Bytes>, size: u64, reach: Reach) -> Self {
        Self {
            name: name.to_owned(),
            start: start.into(),
            size,
            reach,
            beside: Vec::new(),
            reads: Mutex::default(),
        }
    }

    /// With another file in the same folder.
    pub(crate) fn beside(mut self, name: &str, start: impl Into<Bytes>, size: u64) -> Self {
        self.beside.push((name.to_owned(), start.into(), size));
        self
    }

    /// How often it was read, and how many bytes in all.
    pub(crate) fn cost(&self) -> (usize, usize) {
        let reads = self.reads.lock();
        (reads.len(), reads.iter().map(|(_, length)| length).sum())
    }
}

impl ReadAt for MemoryFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async { Ok(self.size) })
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(left);
        self.reads.lock().push((offset, length));
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.start.len());
        let to = from.saturating_add(length).min(self.start.len());
        let mut bytes = self.start.slice(from..to).to_vec();
        bytes.resize(length, 0);
        Box::pin(async move { Ok(bytes.into()) })
    }

    fn sibling<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        let found = self.beside.iter().find(|(other, ..)| other == name).map(|(_, start, size)| {
            Box::new(Self::new(name, start.clone(), *size, self.reach)) as Box<dyn ReadAt>
        });
        let missing = || ReadError::NotFound { name: name.to_owned() };
        let answer = if self.beside.is_empty() { Ok(None) } else { found.map(Some).ok_or_else(missing) };
        Box::pin(std::future::ready(answer))
    }

    fn reach(&self) -> Reach {
        self.reach
    }
}
