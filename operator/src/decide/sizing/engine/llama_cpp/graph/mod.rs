//! The tensors of one pass: what llama.cpp's models compute (src/llama-graph.cpp and src/models of build 11549).
//!
//! Only what takes memory is here. Operations that work in place on what was just made (biases, scales, norms of an
//! output, activation functions of one operand) are left out.

mod attention;
mod experts;
mod inputs;
mod recurrence;

use super::Logits;
use super::compute::{FLOAT, TERM};
use super::pass::Pass;
use super::planner::{Graph, Tensor};
use crate::decide::sizing::{Architecture, Attention, Bytes, Family, SizingError};
use inputs::Inputs;

/// Layers that are laid out: the buffer does not grow after the first few, and no published model has more.
const MOST_LAYERS: u32 = 128;
/// Sums beyond this are no buffer of any machine.
const LARGEST: u64 = 1 << 62;

/// Bytes of the buffer that one pass of a validated model needs.
pub(super) fn buffer(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let peak = Builder::new(a, pass)?.model()?.peak();
    if peak > LARGEST { Err(SizingError::Overflow { term: TERM }) } else { Ok(Bytes::new(peak)) }
}

/// A graph in the making.
struct Builder<'a> {
    a: &'a Architecture,
    pass: &'a Pass,
    graph: Graph,
    inputs: Inputs,
    /// Tokens of the pass, dealt evenly to all sequences.
    tokens: u64,
}

impl<'a> Builder<'a> {
    fn new(a: &'a Architecture, pass: &'a Pass) -> Result<Self, SizingError> {
        let tokens = pass.tokens.checked_next_multiple_of(pass.sequences);
        let tokens = tokens.ok_or(SizingError::Overflow { term: TERM })?;
        Ok(Self { a, pass, graph: Graph::default(), inputs: Inputs::default(), tokens })
    }

    /// Bytes of 32-bit values, `width` for each of some tokens.
    fn of(width: u64, tokens: u64) -> Result<u64, SizingError> {
        Bytes::product(&[width, tokens, FLOAT], TERM).map(Bytes::get)
    }

    /// The result of an operation, `width` values for each token of the pass.
    fn wide(&mut self, width: u64, sources: &[Tensor]) -> Result<Tensor, SizingError> {
        let bytes = Self::of(width, self.tokens)?;
        Ok(self.graph.operation(bytes, sources))
    }

    /// What an operation makes of its first source in its place, if it can.
    fn changed(&mut self, sources: &[Tensor]) -> Tensor {
        let bytes = sources.first().map_or(0, |first| self.graph.bytes(*first));
        self.graph.in_place(bytes, sources)
    }

    /// A normalized copy, or the tensor itself where nobody else needs it.
    fn norm(&mut self, of: Tensor) -> Tensor {
        let normal = self.changed(&[of]);
        self.changed(&[normal])
    }

    fn hidden(&self) -> u64 {
        self.a.hidden.into()
    }

    fn model(mut self) -> Result<Graph, SizingError> {
        let mut stream = self.embedded()?;
        let layers = self.a.layers.min(MOST_LAYERS);
        let mut rows = self.tokens;
        for index in 0..layers {
            let layer = self.layer_of(index, layers);
            let normal = self.norm(stream);
            if self.a.family == Family::Qwen3Next {
                self.graph.expand(normal);
            }
            let mixed = self.mixer(normal, layer, &mut stream)?;
            let last = index + 1 == layers;
            let picked = if last {
                rows = self.rows();
                self.picked(&[mixed, stream], rows)?
            } else {
                vec![mixed, stream]
            };
            let sum = if self.summed(layer) {
                picked.first().copied().unwrap_or(mixed)
            } else {
                self.changed(&picked)
            };
            stream = if self.has_feed_forward(layer) { self.feed_forward(sum, layer, rows)? } else { sum };
        }
        let normal = self.norm(stream);
        let logits = self.graph.operation(Self::of(self.a.vocab.into(), rows)?, &[normal]);
        self.graph.expand(logits);
        Ok(self.graph)
    }

    /// The model's own last layer stands last, however many are laid out.
    const fn layer_of(&self, index: u32, layers: u32) -> u32 {
        if index + 1 == layers { self.a.layers.saturating_sub(1) } else { index }
    }

    /// Attention, recurrence, or the sum of both with the residual stream.
    fn mixer(&mut self, normal: Tensor, layer: u32, stream: &mut Tensor) -> Result<Tensor, SizingError> {
        if self.summed(layer) {
            let attended = self.attention(normal, layer)?;
            let again = self.norm(*stream);
            let recurrent = self.recurrence(again)?;
            let both = self.changed(&[attended, recurrent]);
            return Ok(self.changed(&[both, *stream]));
        }
        if self.a.recurs(layer) {
            return self.recurrence(normal);
        }
        match self.a.attention {
            Attention::Grouped { .. } => self.attention(normal, layer),
            Attention::Latent { .. } => self.latent_attention(normal),
        }
    }

    /// Whether attention and recurrence are summed in the layer.
    fn summed(&self, layer: u32) -> bool {
        self.a.recurs(layer) && self.a.attends(layer)
    }

    /// Recurrent layers of architectures without rules of their own (Mamba) do one thing.
    fn has_feed_forward(&self, layer: u32) -> bool {
        self.a.family.is_known() || !self.a.recurs(layer)
    }

    /// Tokens that logits are computed for.
    fn rows(&self) -> u64 {
        match self.pass.logits {
            Logits::PerSequence => self.pass.sequences.min(self.tokens),
            Logits::PerToken => self.tokens,
        }
    }

    /// The rows that logits are computed for.
    fn picked(&mut self, of: &[Tensor], rows: u64) -> Result<Vec<Tensor>, SizingError> {
        let ids = self.graph.input(Self::of(1, rows)?);
        let bytes = Self::of(self.hidden(), rows)?;
        Ok(of.iter().map(|tensor| self.graph.operation(bytes, &[*tensor, ids])).collect())
    }
}
