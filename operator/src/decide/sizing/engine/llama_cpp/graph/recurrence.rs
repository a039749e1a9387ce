//! Layers that keep a state.

use super::super::compute::TERM;
use super::super::planner::Tensor;
use super::super::state;
use super::Builder;
use crate::decide::sizing::{Bytes, Family, RecurrentKind, SizingError};

/// Dimensions that all kinds have: width inside, states of a channel, tokens that the convolution sees.
#[derive(Clone, Copy)]
struct Dimensions {
    inner: u64,
    state: u64,
    conv: u64,
    convolved: u64,
}

impl Builder<'_> {
    /// The recurrence of a layer that has one.
    pub(super) fn recurrence(&mut self, normal: Tensor) -> Result<Tensor, SizingError> {
        let Some(recurrent) = &self.a.recurrent else { return Ok(normal) };
        let kind = recurrent.kind;
        let convolved = state::convolved(kind);
        match kind {
            RecurrentKind::Mamba { inner, state, conv, dt_rank } => {
                let [inner, state, conv, rank] = [inner, state, conv, dt_rank].map(u64::from);
                self.mamba(normal, Dimensions { inner, state, conv, convolved }, rank)
            }
            RecurrentKind::Mamba2 { inner, state, conv, heads, .. } => {
                let [inner, state, conv, heads] = [inner, state, conv, heads].map(u64::from);
                self.mamba2(normal, Dimensions { inner, state, conv, convolved }, heads)
            }
            RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, conv } => {
                let [key_heads, heads, state, value_dim, conv] =
                    [key_heads, value_heads, key_dim, value_dim, conv].map(u64::from);
                let dimensions = Dimensions { inner: heads * value_dim, state, conv, convolved };
                self.gated_delta(normal, dimensions, key_heads * state, heads)
            }
        }
    }

    /// Bytes of so many states of a layer, without what the convolution keeps.
    fn of_states(d: Dimensions, count: u64) -> Result<u64, SizingError> {
        let values = Bytes::product(&[d.inner, d.state], TERM)?.get();
        Self::of(values, count)
    }

    /// The last tokens' columns and those of the pass, side by side; the last of them are kept.
    fn convolution(&mut self, columns: Tensor, d: Dimensions) -> Result<Tensor, SizingError> {
        let states = self.states()?;
        let sequences = self.pass.sequences;
        let kept = d.conv.saturating_sub(1);
        let kept_bytes = Self::of(kept * d.convolved, sequences)?;
        let before = self.graph.operation(kept_bytes, &[states]);
        let (before, columns) = (self.graph.view(before), self.graph.view(columns));
        let of_sequence = self.tokens.checked_div(sequences).unwrap_or(0).saturating_add(kept);
        let both = Self::of(of_sequence.saturating_mul(d.convolved), sequences)?;
        let both = self.graph.operation(both, &[before, columns]);
        let last = self.graph.view(both);
        self.graph.store(&[last]);
        Ok(both)
    }

    /// States of sequences beside those of the pass are copied; there is one less than sequences.
    fn other_states(&mut self, d: Dimensions) -> Result<(), SizingError> {
        let states = self.states()?;
        let bytes = Self::of_states(d, self.pass.sequences.saturating_sub(1))?;
        let copied = self.graph.operation(bytes, &[states]);
        self.graph.store(&[copied]);
        Ok(())
    }

    /// The scan's output, with the states that it leaves behind it, which are stored.
    fn scanned(&mut self, sources: &[Tensor], d: Dimensions) -> Result<Tensor, SizingError> {
        let states = Self::of_states(d, self.pass.sequences)?;
        let output = Self::of(d.inner, self.tokens)?.saturating_add(states);
        let scanned = self.graph.operation(output, sources);
        self.graph.expand(scanned);
        Ok(scanned)
    }

    fn mamba(&mut self, normal: Tensor, d: Dimensions, rank: u64) -> Result<Tensor, SizingError> {
        let normal = self.graph.view(normal);
        let projected = self.wide(2 * d.inner, &[normal])?;
        let (columns, gate) = (self.graph.view(projected), self.graph.view(projected));
        let both = self.convolution(columns, d)?;
        let x = self.wide(d.convolved, &[both])?;
        let selected = self.wide(rank + 2 * d.state, &[x])?;
        let [mut step, mut input, mut output] = [selected; 3].map(|of| self.graph.view(of));
        if self.a.family == Family::Jamba {
            step = self.wide(rank, &[step])?;
            input = self.wide(d.state, &[input])?;
            output = self.wide(d.state, &[output])?;
        }
        let step = self.wide(d.inner, &[step])?;
        let shaped = self.graph.view(x);
        let states = self.states()?;
        let scanned = self.scanned(&[shaped, step, input, output, states], d)?;
        self.other_states(d)?;
        let left = self.graph.view(scanned);
        self.graph.store(&[left]);
        let scanned = self.graph.view(scanned);
        let skipped = self.changed(&[x]);
        self.output(scanned, skipped, gate, d.inner)
    }

    fn mamba2(&mut self, normal: Tensor, d: Dimensions, heads: u64) -> Result<Tensor, SizingError> {
        let normal = self.graph.view(normal);
        let projected = self.wide(d.inner + d.convolved + heads, &[normal])?;
        let [gate, columns, step] = [projected; 3].map(|of| self.graph.view(of));
        let both = self.convolution(columns, d)?;
        let mixed = self.wide(d.convolved, &[both])?;
        let [x, input, output] = [mixed; 3].map(|of| self.graph.view(of));
        let step = self.wide(heads, &[step])?;
        let states = self.states()?;
        let scanned = self.scanned(&[x, step, input, output, states], d)?;
        self.other_states(d)?;
        let left = self.graph.view(scanned);
        self.graph.store(&[left]);
        let scanned = self.graph.view(scanned);
        let skipped = self.wide(d.inner, &[x])?;
        self.output(scanned, skipped, gate, d.inner)
    }

    /// What was scanned and what skipped it, gated and projected.
    fn output(
        &mut self,
        y: Tensor,
        skipped: Tensor,
        gate: Tensor,
        inner: u64,
    ) -> Result<Tensor, SizingError> {
        let bytes = Self::of(inner, self.tokens)?;
        let sum = self.graph.in_place(bytes, &[y, skipped]);
        let gate = self.wide(inner, &[gate])?;
        let gated = self.wide(inner, &[gate, sum])?;
        let normal = if matches!(
            self.a.recurrent.as_ref().map(|recurrent| recurrent.kind),
            Some(RecurrentKind::Mamba2 { .. })
        ) {
            let shaped = self.graph.view(gated);
            let normal = self.norm(shaped);
            self.graph.view(normal)
        } else {
            gated
        };
        let output = self.wide(self.hidden(), &[normal])?;
        Ok(self.graph.view(output))
    }

    fn gated_delta(
        &mut self,
        normal: Tensor,
        d: Dimensions,
        keys: u64,
        heads: u64,
    ) -> Result<Tensor, SizingError> {
        let columns = self.wide(d.convolved, &[normal])?;
        let z = self.wide(d.inner, &[normal])?;
        let both = self.wide(2 * heads, &[normal])?;
        let [beta, alpha] = [both; 2].map(|of| self.graph.view(of));
        let beta = self.wide(heads, &[beta])?;
        let alpha = self.wide(heads, &[alpha])?;
        let convolution = self.convolution(columns, d)?;
        let states = self.states()?;
        let before = self.graph.operation(Self::of_states(d, self.pass.sequences)?, &[states]);
        self.graph.expand(before);
        self.other_states(d)?;
        let mixed = self.wide(d.convolved, &[convolution])?;
        let [query, key, value] = [mixed; 3].map(|of| self.graph.view(of));
        let (query, key) = (self.wide(keys, &[query])?, self.wide(keys, &[key])?);
        let before = self.graph.view(before);
        let scanned = self.scanned(&[query, key, value, alpha, beta, before], d)?;
        let left = self.graph.view(scanned);
        self.graph.store(&[left]);
        let output = self.graph.view(scanned);
        let normal = self.wide(d.inner, &[output])?;
        let z = self.graph.view(z);
        let gate = self.changed(&[z]);
        let gated = self.changed(&[normal, gate]);
        let gated = self.graph.view(gated);
        let output = self.wide(self.hidden(), &[gated])?;
        Ok(self.graph.view(output))
    }
}
