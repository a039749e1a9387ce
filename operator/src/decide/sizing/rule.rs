//! Formats that depend on where in the model a tensor stands.

use super::ggml_type::GgmlType;
use super::place::Place;

/// A format that may depend on the place.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Everywhere the same.
    All(GgmlType),
    /// One format where at least 4 query heads share a KV head (a small matrix that much hangs on), else
    /// another.
    Shared { format: GgmlType, rest: GgmlType },
    /// As `Shared`, or where a layer has at least 4 experts.
    SharedOrExperts { format: GgmlType, rest: GgmlType },
    /// One format in the first so many layers, then another.
    First { layers: u32, format: GgmlType, rest: GgmlType },
    /// One format in the first 1/n of the layers, then another.
    FirstPart { of: u32, format: GgmlType, rest: GgmlType },
    /// One format in the first and last eighth and every third layer between, else another.
    Spread { format: GgmlType, rest: GgmlType },
    /// One format in the first eighth, and where a layer has 8 experts as `Spread` has it; else another.
    FirstEighthOrSpread { format: GgmlType, rest: GgmlType },
    /// One format between the first and the last eighth, another in these.
    Middle { format: GgmlType, rest: GgmlType },
}

impl Rule {
    /// The format of the tensor that is the `nth` of `total` of its kind, at `place`.
    pub(super) fn at(self, nth: u32, total: u32, place: &Place) -> GgmlType {
        let eighth = total / 8;
        let last_eighth = total.saturating_mul(7) / 8;
        let outside = nth < eighth || nth >= last_eighth;
        let (chosen, format, rest) = match self {
            Self::All(format) => return format,
            Self::Shared { format, rest } => (place.heads_per_kv_head >= 4, format, rest),
            Self::SharedOrExperts { format, rest } => {
                (place.heads_per_kv_head >= 4 || place.experts >= 4, format, rest)
            }
            Self::First { layers, format, rest } => (nth < layers, format, rest),
            Self::FirstPart { of, format, rest } => (nth < total / of, format, rest),
            Self::Spread { format, rest } => (outside || (nth - eighth) % 3 == 2, format, rest),
            Self::FirstEighthOrSpread { format, rest } => {
                let spread = place.experts == 8 && (outside || (nth - eighth) % 3 == 2);
                (spread || nth < eighth, format, rest)
            }
            Self::Middle { format, rest } => (!outside, format, rest),
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
