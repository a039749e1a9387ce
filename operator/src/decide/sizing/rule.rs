//! Formats that depend on where in the model a tensor stands.

use super::ggml_type::GgmlType;

/// Where a tensor stands, as far as its format depends on it.
pub(super) struct Place {
    /// Index of the layer, from 0.
    pub(super) layer: u32,
    pub(super) layers: u32,
    pub(super) heads_per_kv_head: u32,
}

/// A format that may depend on the place.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Everywhere the same.
    All(GgmlType),
    /// One format where at least 4 query heads share a KV head (a small matrix that much hangs on), else
    /// another.
    Shared { format: GgmlType, rest: GgmlType },
    /// One format in the first so many layers, then another.
    First { layers: u32, format: GgmlType, rest: GgmlType },
    /// One format in the first 1/n of the layers, then another.
    FirstPart { of: u32, format: GgmlType, rest: GgmlType },
    /// One format in the first and last eighth and every third layer between, else another.
    Spread { format: GgmlType, rest: GgmlType },
    /// One format between the first and the last eighth, another in these.
    Middle { format: GgmlType, rest: GgmlType },
}

impl Rule {
    /// The format at `place`.
    pub(super) fn at(self, place: &Place) -> GgmlType {
        let Place { layer, layers, heads_per_kv_head } = *place;
        let eighth = layers / 8;
        let last_eighth = layers.saturating_mul(7) / 8;
        let (chosen, format, rest) = match self {
            Self::All(format) => return format,
            Self::Shared { format, rest } => (heads_per_kv_head >= 4, format, rest),
            Self::First { layers, format, rest } => (layer < layers, format, rest),
            Self::FirstPart { of, format, rest } => (layer < layers / of, format, rest),
            Self::Spread { format, rest } => {
                let outside = layer < eighth || layer >= last_eighth;
                (outside || (layer - eighth) % 3 == 2, format, rest)
            }
            Self::Middle { format, rest } => (layer >= eighth && layer < last_eighth, format, rest),
        };
        if chosen { format } else { rest }
    }
}

/// See [`Rule::Shared`].
pub(super) const fn shared(format: GgmlType, rest: GgmlType) -> Rule {
    Rule::Shared { format, rest }
}

/// See [`Rule::First`].
pub(super) const fn first(layers: u32, format: GgmlType, rest: GgmlType) -> Rule {
    Rule::First { layers, format, rest }
}

/// See [`Rule::FirstPart`].
pub(super) const fn eighth(format: GgmlType, rest: GgmlType) -> Rule {
    Rule::FirstPart { of: 8, format, rest }
}

/// See [`Rule::Spread`].
pub(super) const fn spread(format: GgmlType, rest: GgmlType) -> Rule {
    Rule::Spread { format, rest }
}
