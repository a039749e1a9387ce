//! Attention, grouped and latent.

use super::super::compute::{FLOAT, TERM};
use super::super::planner::Tensor;
use super::Builder;
use crate::decide::sizing::{Attention, Bytes, Family, SizingError};

impl Builder<'_> {
    /// Keys and values of each KV head.
    pub(super) fn attention(&mut self, normal: Tensor, layer: u32) -> Result<Tensor, SizingError> {
        let attention = self.a.attention;
        let (queries, keys) = (attention.query_width(), attention.kv_width());
        let mut gate = None;
        let (query, key, value) = match self.a.family {
            Family::Phi3 => {
                let fused = self.wide(queries + 2 * keys, &[normal])?;
                (self.graph.view(fused), self.graph.view(fused), self.graph.view(fused))
            }
            Family::Qwen3Next => {
                let gated = self.wide(2 * queries, &[normal])?;
                let (key, value) = (self.wide(keys, &[normal])?, self.wide(keys, &[normal])?);
                gate = Some(self.graph.view(gated));
                (self.graph.view(gated), self.graph.view(key), self.graph.view(value))
            }
            _ => {
                let query = self.wide(queries, &[normal])?;
                let (key, value) = (self.wide(keys, &[normal])?, self.wide(keys, &[normal])?);
                (self.graph.view(query), self.graph.view(key), self.graph.view(value))
            }
        };
        // Jamba has no positions. Heads are views, so that what is made of them is new.
        let (query, key) = if self.a.family == Family::Jamba {
            (query, key)
        } else {
            let positions = self.positions()?;
            (self.wide(queries, &[query, positions])?, self.wide(keys, &[key, positions])?)
        };
        for tensor in [query, value, key] {
            self.graph.expand(tensor);
        }
        let cache = self.cache(layer)?;
        let (key, value) = (self.graph.view(key), self.graph.view(value));
        self.graph.store(&[key, cache.keys]);
        self.graph.store(&[value, cache.values]);
        let query = self.graph.view(query);
        let attended = if self.pass.flash_attention {
            let attended = self.wide(queries, &[query, cache.mask])?;
            self.graph.view(attended)
        } else {
            let scores = self.scores(query, cache.mask, layer)?;
            let attended = self.wide(queries, &[scores])?;
            let permuted = self.graph.view(attended);
            self.wide(queries, &[permuted])?
        };
        self.graph.expand(attended);
        let attended = match gate {
            None => attended,
            Some(gate) => {
                let gate = self.wide(queries, &[gate])?;
                let gate = self.changed(&[gate]);
                self.changed(&[attended, gate])
            }
        };
        self.wide(self.hidden(), &[attended])
    }

    /// What every head thinks of every cell, without fused attention.
    fn scores(&mut self, query: Tensor, mask: Tensor, layer: u32) -> Result<Tensor, SizingError> {
        let heads = u64::from(self.a.attention.heads());
        let cells = self.pass.cells(self.a, layer);
        let bytes = Bytes::product(&[heads, cells, self.tokens, FLOAT], TERM)?.get();
        let scores = self.graph.operation(bytes, &[query]);
        Ok(self.changed(&[scores, mask]))
    }

    /// One compressed vector for all heads; queries are brought into its space (DeepSeek).
    pub(super) fn latent_attention(&mut self, normal: Tensor) -> Result<Tensor, SizingError> {
        let Attention::Latent { heads, query_rank, kv_rank, nope_dim, rope_dim, value_dim } =
            self.a.attention
        else {
            return Ok(normal);
        };
        let [heads, rank, nope, rope, value] = [heads, kv_rank, nope_dim, rope_dim, value_dim].map(u64::from);
        let compressed = match query_rank {
            None => normal,
            Some(query_rank) => {
                let compressed = self.wide(query_rank.into(), &[normal])?;
                self.norm(compressed)
            }
        };
        let query = self.wide(heads * (nope + rope), &[compressed])?;
        let (without, with) = (self.graph.view(query), self.graph.view(query));
        let latent = self.wide(rank + rope, &[normal])?;
        let (latent, key) = (self.graph.view(latent), self.graph.view(latent));
        let positions = self.positions()?;
        let with = self.wide(heads * rope, &[with, positions])?;
        let key = self.wide(rope, &[key, positions])?;
        let latent = self.wide(rank, &[latent])?;
        let latent = self.changed(&[latent]);
        let permuted = self.graph.view(without);
        let absorbed = self.wide(heads * rank, &[permuted])?;
        let absorbed = self.graph.view(absorbed);
        let query = self.wide(heads * (rank + rope), &[absorbed, with])?;
        let value_of = self.graph.view(latent);
        let key = self.wide(rank + rope, &[value_of, key])?;
        for tensor in [query, value_of, key] {
            self.graph.expand(tensor);
        }
        let cache = self.cache(0)?;
        let key = self.graph.view(key);
        self.graph.store(&[key, cache.keys]);
        let query = self.graph.view(query);
        let attended = if self.pass.flash_attention {
            let attended = self.wide(heads * rank, &[query, cache.mask])?;
            self.graph.view(attended)
        } else {
            let scores = self.scores(query, cache.mask, 0)?;
            self.wide(heads * rank, &[scores])?
        };
        let expanded = self.wide(heads * value, &[attended])?;
        let permuted = self.graph.view(expanded);
        let output = self.wide(heads * value, &[permuted])?;
        self.graph.expand(output);
        self.wide(self.hidden(), &[output])
    }
}
