//! The feed-forward part, with experts or without.

use super::super::planner::Tensor;
use super::Builder;
use crate::decide::sizing::{Attention, Experts, Family, SizingError};

/// Sums of experts' outputs that are laid out: after the second each works in the place of the one before.
const MOST_SUMS: u32 = 3;

impl Builder<'_> {
    /// Norm, feed-forward part and residual of so many rows.
    pub(super) fn feed_forward(
        &mut self,
        stream: Tensor,
        layer: u32,
        rows: u64,
    ) -> Result<Tensor, SizingError> {
        let normal = self.norm(stream);
        let output = match self.a.feed_forward.experts(layer) {
            None => self.gated(normal, self.a.feed_forward.size.into(), rows)?,
            Some(experts) => self.all_experts(normal, &experts, rows)?,
        };
        Ok(self.changed(&[output, stream]))
    }

    /// Gate, up, and what is made of them, one matrix in Phi-3.
    fn gated(&mut self, normal: Tensor, size: u64, rows: u64) -> Result<Tensor, SizingError> {
        let inner = Self::of(size, rows)?;
        let product = if self.a.family == Family::Phi3 {
            let fused = self.graph.operation(Self::of(2 * size, rows)?, &[normal]);
            self.graph.operation(inner, &[fused])
        } else {
            let up = self.graph.operation(inner, &[normal]);
            let gate = self.graph.operation(inner, &[normal]);
            self.graph.operation(inner, &[gate, up])
        };
        Ok(self.graph.operation(Self::of(self.hidden(), rows)?, &[product]))
    }

    /// The experts that a token uses, and what all tokens share.
    fn all_experts(&mut self, normal: Tensor, experts: &Experts, rows: u64) -> Result<Tensor, SizingError> {
        let output = self.used_experts(normal, experts, rows)?;
        if experts.shared_size == 0 {
            return Ok(output);
        }
        let mut shared = self.gated(normal, experts.shared_size.into(), rows)?;
        if matches!(self.a.family, Family::Qwen2 | Family::Qwen3Next) {
            let gate = self.graph.operation(Self::of(1, rows)?, &[normal]);
            let gate = self.changed(&[gate]);
            shared = self.changed(&[shared, gate]);
        }
        Ok(self.changed(&[output, shared]))
    }

    fn used_experts(&mut self, normal: Tensor, experts: &Experts, rows: u64) -> Result<Tensor, SizingError> {
        let [count, used, size] = [experts.count, experts.used, experts.size].map(u64::from);
        let hidden = Self::of(self.hidden(), rows)?;
        let probabilities = Self::of(count, rows)?;
        let probable = self.graph.operation(probabilities, &[normal]);
        let probable = if self.a.family == Family::GptOss { probable } else { self.changed(&[probable]) };
        let biased = matches!(self.a.attention, Attention::Latent { query_rank: Some(_), .. });
        let selecting = if biased { self.changed(&[probable]) } else { probable };
        let sorted = self.graph.operation(probabilities, &[selecting]);
        let chosen = self.graph.view(sorted);
        let weights = self.weights(probable, chosen, Self::of(used, rows)?, Self::of(1, rows)?);
        self.graph.expand(weights);

        let inner = Self::of(used.saturating_mul(size), rows)?;
        let tokens = self.graph.view(normal);
        let up = self.graph.operation(inner, &[tokens, chosen]);
        let gate = self.graph.operation(inner, &[tokens, chosen]);
        let product = self.graph.operation(inner, &[gate, up]);
        let outputs = Self::of(used.saturating_mul(self.hidden()), rows)?;
        let outputs = self.graph.operation(outputs, &[product, chosen]);
        let outputs = self.changed(&[outputs, weights]);
        self.graph.expand(outputs);
        let views: Vec<_> = (0..experts.used.min(MOST_SUMS))
            .map(|_| {
                let view = self.graph.view(outputs);
                self.graph.expand(view);
                view
            })
            .collect();
        let Some((first, others)) = views.split_first() else { return Ok(outputs) };
        if others.is_empty() {
            return Ok(self.graph.operation(hidden, &[*first]));
        }
        let mut sum = *first;
        for view in others {
            sum = self.graph.in_place(hidden, &[sum, *view]);
            self.graph.expand(sum);
        }
        Ok(sum)
    }

    /// How much each chosen expert counts, `of_used` bytes, normalized by its sum in most families.
    fn weights(&mut self, probable: Tensor, chosen: Tensor, of_used: u64, of_one: u64) -> Tensor {
        let probable = self.graph.view(probable);
        let weights = self.graph.operation(of_used, &[probable, chosen]);
        match self.a.family {
            Family::GptOss => {
                let shaped = self.graph.view(weights);
                let softened = self.changed(&[shaped]);
                self.graph.view(softened)
            }
            Family::DeepSeek2 => self.changed(&[weights]),
            Family::Qwen2 | Family::Jamba => weights,
            _ => {
                let shaped = self.graph.view(weights);
                let sum = self.graph.operation(of_one, &[shaped]);
                let sum = self.graph.operation(of_one, &[sum]);
                let divided = self.changed(&[shaped, sum]);
                self.graph.view(divided)
            }
        }
    }
}
