//! What is filled in before a pass.

use super::super::compute::{FLOAT, TERM};
use super::super::planner::Tensor;
use super::Builder;
use crate::decide::sizing::{Attention, Bytes, SizingError};

/// Indices into the KV cache are 64-bit integers.
const INDEX: u64 = 8;
/// Masks of fused attention are 16-bit floats.
const HALF: u64 = 2;

/// Inputs that are there once and read in many layers.
#[derive(Default)]
pub(super) struct Inputs {
    positions: Option<Tensor>,
    states: Option<Tensor>,
    /// For layers that attend to everything, and for those with a window.
    caches: [Option<Cache>; 2],
}

/// What attention reads and writes by.
#[derive(Clone, Copy)]
pub(super) struct Cache {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
    pub(super) mask: Tensor,
}

impl Builder<'_> {
    /// The embedded tokens. llama.cpp lays out three ways to get them, of which one is used: tokens, embeddings,
    /// and a mixture, whose buffer nobody reads and which therefore stays.
    pub(super) fn embedded(&mut self) -> Result<Tensor, SizingError> {
        let row = Self::of(self.hidden(), self.tokens)?;
        let tokens = self.graph.input(Self::of(1, self.tokens)?);
        self.graph.input(row);
        let mixed_tokens = self.graph.input(Self::of(1, self.tokens)?);
        let mixed = self.graph.input(row);
        let slots = self.graph.input(Bytes::product(&[INDEX, self.tokens], TERM)?.get());
        let embedded = self.graph.operation(row, &[tokens]);
        self.graph.expand(embedded);
        let of_tokens = self.graph.operation(row, &[mixed_tokens]);
        let copy = self.graph.operation(row, &[mixed]);
        let mixture = self.graph.view_with(copy, &[of_tokens, slots]);
        self.graph.expand(mixture);
        Ok(embedded)
    }

    pub(super) fn positions(&mut self) -> Result<Tensor, SizingError> {
        if let Some(positions) = self.inputs.positions {
            return Ok(positions);
        }
        let positions = self.graph.input(Self::of(1, self.tokens)?);
        self.inputs.positions = Some(positions);
        Ok(positions)
    }

    /// Which states of the recurrent layers belong to the sequences.
    pub(super) fn states(&mut self) -> Result<Tensor, SizingError> {
        if let Some(states) = self.inputs.states {
            return Ok(states);
        }
        let states = self.graph.input(Self::of(1, self.pass.sequences)?);
        self.inputs.states = Some(states);
        Ok(states)
    }

    pub(super) fn cache(&mut self, layer: u32) -> Result<Cache, SizingError> {
        let windowed = self.a.window(layer).is_some();
        let [whole, window] = &self.inputs.caches;
        if let Some(cache) = if windowed { *window } else { *whole } {
            return Ok(cache);
        }
        let index = |values: u64| Bytes::product(&[INDEX, self.tokens, values], TERM).map(Bytes::get);
        let (keys, values) = (index(1)?, index(self.value_indices())?);
        let value = if self.pass.flash_attention { HALF } else { FLOAT };
        let mask = Bytes::product(&[self.pass.cells(self.a, layer), self.tokens, value], TERM)?.get();
        let cache = Cache {
            keys: self.graph.input(keys),
            values: self.graph.input(values),
            mask: self.graph.input(mask),
        };
        let [whole, window] = &mut self.inputs.caches;
        *(if windowed { window } else { whole }) = Some(cache);
        Ok(cache)
    }

    /// Without fused attention values are kept transposed, and each has an index of its own.
    fn value_indices(&self) -> u64 {
        match self.a.attention {
            Attention::Grouped { .. } if !self.pass.flash_attention => self.a.attention.kv_width(),
            _ => 1,
        }
    }
}
