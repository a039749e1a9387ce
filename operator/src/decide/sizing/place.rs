//! Where in a model a tensor stands.

use super::Architecture;
use super::tensors::{Role, Tensor};

/// Where a tensor stands, as far as its format depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Index of the layer, from 0.
    pub(super) layer: u32,
    pub(super) layers: u32,
    /// How many value matrices come before, and how many there are; fused matrices count.
    pub(super) value: u32,
    pub(super) values: u32,
    /// How many down projections come before.
    pub(super) down: u32,
    /// Query heads that share a KV head; 0 if the first layer has none, which is where the quantizer looks.
    pub(super) heads_per_kv_head: u32,
    /// Experts of a layer; 0 without.
    pub(super) experts: u32,
}

/// The places of a model's tensors, in the order of the file.
pub(super) struct Places {
    next: Place,
}

impl Places {
    /// Starts before the first layer of a validated model.
    pub(super) fn of(a: &Architecture) -> Self {
        let values_of = |index| a.family.layer(a, index).iter().filter(|tensor| is_value(tensor)).count();
        let values = (0..a.layers).map(values_of).sum::<usize>();
        let quantizer_finds_heads = a.attends(0) || a.family.keeps_kv_heads_of_recurrent_layers();
        let next = Place {
            layers: a.layers,
            values: u32::try_from(values).unwrap_or(u32::MAX),
            heads_per_kv_head: if quantizer_finds_heads { a.attention.heads_per_kv_head() } else { 0 },
            experts: a.feed_forward.experts.map_or(0, |experts| experts.count),
            ..Place::default()
        };
        Self { next }
    }

    /// The place of `tensor`, which stands in that layer (tensors outside of layers in none: any will do).
    pub(super) fn take(&mut self, tensor: &Tensor, layer: u32) -> Place {
        let here = Place { layer, ..self.next };
        self.next.value += u32::from(is_value(tensor));
        self.next.down += u32::from(tensor.role() == Some(Role::Down));
        here
    }
}

fn is_value(tensor: &Tensor) -> bool {
    matches!(tensor.role(), Some(Role::Value | Role::Fused))
}
