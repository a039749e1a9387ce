//! Model files of random weights in a given shape, with another model's tokenizer.

use super::gguf::{Element, Tokenizer, Writer};
use crate::error::Result;

/// Tokens that the model is said to be trained for.
const CONTEXT: u32 = 32_768;
/// Values that share a scale in `Q8_0`.
const BLOCK: usize = 32;

/// The dimensions of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// llama.cpp's name of the architecture: `llama`, or `gemma3` with its further norms.
    pub(super) architecture: &'static str,
    pub(super) layers: u32,
    pub(super) width: u32,
    pub(super) heads: u32,
    pub(super) kv_heads: u32,
    pub(super) head_dim: u32,
    pub(super) feed_forward: u32,
    /// Tokens that five of six layers of a `gemma3` look back.
    pub(super) window: Option<u32>,
    /// How matrices are stored.
    pub(super) element: Element,
}

/// A model of random weights that borrows the tokenizer and chat template of `donor`. It says only printable ASCII
/// and no end token, so it generates exactly as many tokens as it is asked for.
///
/// # Errors
/// If `donor` is not a GGUF file with a tokenizer.
pub(super) fn build(shape: &Shape, donor: &[u8]) -> Result<Vec<u8>> {
    let tokenizer = Tokenizer::read(donor)?;
    let mut model = Writer::default();
    shape.describe(&mut model);
    model.tokenizer(&tokenizer);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // A token's score is its row times the last state: with rows this large the likeliest is far ahead of a zero row.
    let mut embeddings = Vec::new();
    for (text, kind) in tokenizer.tokens.iter().zip(&tokenizer.types) {
        embeddings.extend(if is_sayable(text, *kind) {
            random.values(shape.element, shape.width, ONE)
        } else {
            vec![0; row_bytes(shape.element, shape.width)]
        });
    }
    let rows = tokenizer.tokens.len() as u64;
    model.tensor("token_embd.weight", &[shape.width.into(), rows], shape.element, &embeddings);
    for layer in 0..shape.layers {
        shape.layer(&mut model, layer, &mut random);
    }
    norm(&mut model, "output_norm.weight", shape.width);
    Ok(model.finish())
}

/// A LoRA adapter for every projection of the model's layers, of random values about as large as the weights: with it
/// the model says something else.
pub(super) fn build_adapter(shape: &Shape, rank: u32) -> Vec<u8> {
    let mut adapter = Writer::default();
    adapter.text("general.type", "adapter");
    adapter.text("general.architecture", shape.architecture);
    adapter.text("adapter.type", "lora");
    // Divided by the rank it is the factor of the whole.
    #[allow(clippy::cast_precision_loss, reason = "a small number")]
    adapter.fraction("adapter.lora.alpha", rank as f32);
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    for layer in 0..shape.layers {
        for (part, from, to) in shape.projections() {
            let mut half = |name: &str, row: u32, rows: u32| {
                let data = random.values(Element::F16, row * rows, QUARTER);
                let name = format!("blk.{layer}.{part}.weight.{name}");
                adapter.tensor(&name, &[row.into(), rows.into()], Element::F16, &data);
            };
            half("lora_a", from, rank);
            half("lora_b", rank, to);
        }
    }
    adapter.finish()
}

impl Shape {
    fn describe(&self, model: &mut Writer) {
        let architecture = self.architecture;
        model.text("general.architecture", architecture);
        model.text("general.name", &format!("Flotilla {architecture} of {} layers", self.layers));
        // "Mostly" the type of the matrices.
        model.number("general.file_type", if self.element == Element::Q8_0 { 7 } else { 1 });
        for (key, value) in [
            ("context_length", CONTEXT),
            ("embedding_length", self.width),
            ("block_count", self.layers),
            ("feed_forward_length", self.feed_forward),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("attention.key_length", self.head_dim),
            ("attention.value_length", self.head_dim),
            ("rope.dimension_count", self.head_dim),
        ] {
            model.number(&format!("{architecture}.{key}"), value);
        }
        if let Some(window) = self.window {
            model.number(&format!("{architecture}.attention.sliding_window"), window);
        }
        model.fraction(&format!("{architecture}.attention.layer_norm_rms_epsilon"), 1e-5);
    }

    fn layer(&self, model: &mut Writer, layer: u32, random: &mut Random) {
        let width = self.width;
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        norm(model, &name("attn_norm"), width);
        norm(model, &name("ffn_norm"), width);
        if self.architecture == "gemma3" {
            norm(model, &name("attn_q_norm"), self.head_dim);
            norm(model, &name("attn_k_norm"), self.head_dim);
            norm(model, &name("post_attention_norm"), width);
            norm(model, &name("post_ffw_norm"), width);
        }
        for (part, from, to) in self.projections() {
            let data = random.values(self.element, from * to, QUARTER);
            model.tensor(&name(part), &[from.into(), to.into()], self.element, &data);
        }
    }

    /// The matrices of a layer: name, inputs, outputs.
    fn projections(&self) -> [(&'static str, u32, u32); 7] {
        let (width, queries, keys) = (self.width, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        [
            ("attn_q", width, queries),
            ("attn_k", width, keys),
            ("attn_v", width, keys),
            ("attn_output", queries, width),
            ("ffn_gate", width, self.feed_forward),
            ("ffn_up", width, self.feed_forward),
            ("ffn_down", self.feed_forward, width),
        ]
    }
}

fn norm(model: &mut Writer, name: &str, width: u32) {
    let ones: Vec<u8> = std::iter::repeat_n(1_f32.to_le_bytes(), width as usize).flatten().collect();
    model.tensor(name, &[width.into()], Element::F32, &ones);
}

/// Byte-level tokens write a blank as U+0120 and a line's end as U+010A.
fn is_sayable(text: &[u8], kind: i32) -> bool {
    const NORMAL: i32 = 1;
    let text = String::from_utf8_lossy(text);
    kind == NORMAL && text.chars().all(|c| c.is_ascii_graphic() || c == '\u{120}' || c == '\u{10a}')
}

fn row_bytes(element: Element, values: u32) -> usize {
    let values = values as usize;
    match element {
        Element::F32 => 4 * values,
        Element::F16 => 2 * values,
        Element::Q8_0 => values / BLOCK * (BLOCK + 2),
    }
}

/// Exponent bits of a half: magnitudes from 1 to 2.
const ONE: u16 = 15 << 10;
/// Magnitudes from 1/4 to 1/2: the layers outweigh the embedding, or each token would only repeat itself.
const QUARTER: u16 = 13 << 10;
/// A `Q8_0` value is its byte times the block's scale: with 1/128 of the magnitude, bytes from 64 to 127 give half
/// to all of it.
const SEVEN_LESS: u16 = 7 << 10;

/// xorshift64: the same weights on every machine.
struct Random(u64);

impl Random {
    /// Random values of one magnitude, little endian.
    fn values(&mut self, element: Element, count: u32, exponent: u16) -> Vec<u8> {
        if element == Element::Q8_0 {
            return (0..count as usize / BLOCK).flat_map(|_| self.block(exponent)).collect();
        }
        (0..count).flat_map(|_| self.half(exponent).to_le_bytes()).collect()
    }

    fn half(&mut self, exponent: u16) -> u16 {
        let bytes = self.next();
        let bits = u16::from_be_bytes([bytes[0], bytes[1]]);
        (bits & 0b1000_0011_1111_1111) | exponent
    }

    fn block(&mut self, exponent: u16) -> Vec<u8> {
        let mut block = (exponent - SEVEN_LESS).to_le_bytes().to_vec();
        for _ in 0..BLOCK / 8 {
            let signed = |byte: u8| if byte & 0x80 == 0 { byte | 0x40 } else { byte & 0xbf };
            block.extend(self.next().map(signed));
        }
        block
    }

    fn next(&mut self) -> [u8; 8] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_be_bytes()
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

    #[test]
    fn blocks_are_as_large_as_halves_and_as_long_as_the_format_says() {
        let mut random = Random(1);
        let block = random.block(ONE);
        assert_eq!(block.len(), row_bytes(Element::Q8_0, 32));
        // 2^-7, the scale of bytes from 64 to 127 for magnitudes below 1.
        assert_eq!(block[..2], (8_u16 << 10).to_le_bytes());
        let magnitude = |byte: &u8| byte.cast_signed().unsigned_abs();
        assert!(block[2..].iter().all(|byte| (64..=128).contains(&magnitude(byte))), "{block:?}");
    }
}
