//! Just enough of the GGUF format to write a tiny model that borrows another model's tokenizer.
//!
//! Layout: magic, version 3, tensor count, pair count, metadata pairs, tensor descriptions, data aligned to 32.

use crate::error::{Error, Result};

const MAGIC: &[u8] = b"GGUF";
const VERSION: u32 = 3;
/// Default of `general.alignment`.
const ALIGNMENT: usize = 32;

/// Type numbers of metadata values.
mod kind {
    pub(super) const U32: u32 = 4;
    pub(super) const I32: u32 = 5;
    pub(super) const F32: u32 = 6;
    pub(super) const STRING: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

/// Element type of a tensor, with its number in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// 32-bit floats.
    F32 = 0,
    /// 16-bit floats.
    F16 = 1,
    /// Blocks of 32 bytes with a 16-bit scale.
    Q8_0 = 8,
}

/// The tokenizer part of a model: its pairs as they are, and what a writer must know of them.
#[derive(Debug, Default)]
pub(super) struct Tokenizer {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The tokens' texts.
    pub(super) tokens: Vec<Vec<u8>>,
    /// 1 is a normal token.
    pub(super) types: Vec<i32>,
}

impl Tokenizer {
    /// Reads the pairs `tokenizer.*` of a model file.
    ///
    /// # Errors
    /// If it is not a GGUF file of version 3 with a tokenizer.
    pub(super) fn read(model: &[u8]) -> Result<Self> {
        Self::parse(&mut Reader(model)).ok_or_else(|| {
            Error::Content(
                "the model to borrow a tokenizer from is not a complete GGUF file of version 3".into(),
            )
        })
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let mut tokenizer = Self::default();
        if reader.take(4)? != MAGIC || reader.u32()? != VERSION {
            return None;
        }
        let _tensors = reader.u64()?;
        for _ in 0..reader.u64()? {
            let key = reader.string()?;
            let before = reader.0;
            let kind = reader.u32()?;
            match key {
                b"tokenizer.ggml.tokens" => {
                    tokenizer.tokens = reader.array(kind::STRING, |r| r.string().map(<[u8]>::to_vec))?;
                }
                b"tokenizer.ggml.token_type" => {
                    tokenizer.types = reader.array(kind::I32, |r| r.u32().map(u32::cast_signed))?;
                }
                _ => reader.skip(kind)?,
            }
            if key.starts_with(b"tokenizer.") {
                let value = &before[..before.len() - reader.0.len()];
                tokenizer.pairs.push((key.to_vec(), value.to_vec()));
            }
        }
        (!tokenizer.tokens.is_empty() && tokenizer.tokens.len() == tokenizer.types.len()).then_some(tokenizer)
    }
}

/// A cursor over the file; every method is `None` at its end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u64()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// The rest of an array value of the given element type.
    fn array<T>(&mut self, kind: u32, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let declared = self.u32()?;
        let count = self.u64()?;
        if declared != kind {
            return None;
        }
        (0..count).map(|_| element(self)).collect()
    }

    fn skip(&mut self, kind: u32) -> Option<()> {
        let size = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            kind::STRING => return self.string().map(drop),
            kind::ARRAY => {
                let kind = self.u32()?;
                return (0..self.u64()?).try_for_each(|_| self.skip(kind));
            }
            _ => return None,
        };
        self.take(size).map(drop)
    }
}

/// Collects a model and writes it.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pairs: Vec<u8>,
    pair_count: u64,
    infos: Vec<u8>,
    tensor_count: u64,
    data: Vec<u8>,
}

impl Writer {
    /// Adds a text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.pair(
            key.as_bytes(),
            kind::STRING,
            &[&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat(),
        );
    }

    /// Adds a number.
    pub(super) fn number(&mut self, key: &str, value: u32) {
        self.pair(key.as_bytes(), kind::U32, &value.to_le_bytes());
    }

    /// Adds a fraction.
    pub(super) fn fraction(&mut self, key: &str, value: f32) {
        self.pair(key.as_bytes(), kind::F32, &value.to_le_bytes());
    }

    /// Adds another model's tokenizer.
    pub(super) fn tokenizer(&mut self, tokenizer: &Tokenizer) {
        for (key, value) in &tokenizer.pairs {
            self.key(key);
            self.pairs.extend(value);
        }
    }

    /// Adds a tensor. The first dimension is the length of a row.
    pub(super) fn tensor(&mut self, name: &str, dimensions: &[u64], element: Element, data: &[u8]) {
        string(&mut self.infos, name.as_bytes());
        self.infos.extend((u32::try_from(dimensions.len()).unwrap_or(u32::MAX)).to_le_bytes());
        for dimension in dimensions {
            self.infos.extend(dimension.to_le_bytes());
        }
        self.infos.extend((element as u32).to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(data);
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
        self.tensor_count += 1;
    }

    /// The file.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend(VERSION.to_le_bytes());
        file.extend(self.tensor_count.to_le_bytes());
        file.extend(self.pair_count.to_le_bytes());
        file.extend(self.pairs);
        file.extend(self.infos);
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(self.data);
        file
    }

    fn pair(&mut self, key: &[u8], kind: u32, value: &[u8]) {
        self.key(key);
        self.pairs.extend(kind.to_le_bytes());
        self.pairs.extend(value);
    }

    fn key(&mut self, key: &[u8]) {
        string(&mut self.pairs, key);
        self.pair_count += 1;
    }
}

fn string(target: &mut Vec<u8>, text: &[u8]) {
    target.extend((text.len() as u64).to_le_bytes());
    target.extend(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model with the two arrays that a tokenizer must have.
    fn model() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text("general.name", "m");
        let mut tokens = kind::STRING.to_le_bytes().to_vec();
        tokens.extend(2_u64.to_le_bytes());
        string(&mut tokens, b"a");
        string(&mut tokens, b"<end>");
        writer.pair(b"tokenizer.ggml.tokens", kind::ARRAY, &tokens);
        let types =
            [&kind::I32.to_le_bytes()[..], &2_u64.to_le_bytes(), &1_i32.to_le_bytes(), &3_i32.to_le_bytes()];
        writer.pair(b"tokenizer.ggml.token_type", kind::ARRAY, &types.concat());
        writer.finish()
    }

    #[test]
    fn a_borrowed_tokenizer_survives_unchanged() {
        let tokenizer = Tokenizer::read(&model()).unwrap();
        assert_eq!(tokenizer.tokens, [b"a".to_vec(), b"<end>".to_vec()]);
        assert_eq!(tokenizer.types, [1, 3]);
        let mut writer = Writer::default();
        writer.tokenizer(&tokenizer);
        writer.tensor("t", &[2], Element::F16, &[1, 2, 3, 4]);
        let again = Tokenizer::read(&writer.finish()).unwrap();
        assert_eq!(again.pairs, tokenizer.pairs);
    }

    #[test]
    fn every_truncation_is_refused() {
        let model = model();
        let end_of_pairs = model.len() - model.iter().rev().take_while(|byte| **byte == 0).count();
        for length in 0..end_of_pairs {
            assert!(Tokenizer::read(&model[..length]).is_err(), "accepted {length} of {} bytes", model.len());
        }
    }

    #[test]
    fn data_is_aligned() {
        let mut writer = Writer::default();
        writer.tensor("a", &[1], Element::F16, &[1, 1]);
        writer.tensor("b", &[1], Element::F16, &[2, 2]);
        let file = writer.finish();
        assert_eq!(file.len() % ALIGNMENT, 0);
        assert_eq!(file[file.len() - ALIGNMENT..][..2], [2, 2]);
    }
}
