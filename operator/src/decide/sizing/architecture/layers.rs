//! Which layers of a model a rule applies to.

/// Which layers of a model a rule applies to; they count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layers {
    /// Every layer.
    All,
    /// No layer.
    None,
    /// Layers whose index leaves `offset` when divided by `period`.
    Every {
        /// After how many layers the pattern repeats.
        period: u32,
        /// Which layer of a period.
        offset: u32,
    },
    /// All but the layers whose index leaves `offset` when divided by `period`.
    EveryExcept {
        /// After how many layers the pattern repeats.
        period: u32,
        /// Which layer of a period is left out.
        offset: u32,
    },
    /// The layers marked; what is beyond the list is not.
    List(Vec<bool>),
}

impl Layers {
    /// Whether the rule applies to the layer of that index.
    pub fn contains(&self, layer: u32) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Every { period, offset } => layer.checked_rem(*period) == Some(*offset),
            Self::EveryExcept { period, offset } => layer.checked_rem(*period) != Some(*offset),
            Self::List(marks) => {
                usize::try_from(layer).ok().and_then(|index| marks.get(index).copied()).unwrap_or(false)
            }
        }
    }
}
