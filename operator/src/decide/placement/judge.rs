//! Whether replicas can be placed: too large for every card is another matter than all cards in use.

use super::{Fits, ProductFit};

/// What is said of a replica's chances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeable {
    /// A card is large enough, and is free or not needed at present.
    Fits,
    /// Cards are large enough, a replica waits, and none is free.
    NoFreeGpu,
    /// No card is large enough.
    NoFit,
    /// No node offers a GPU that may be taken and whose memory is known.
    NoGpuNodes,
}

/// Judges where a replica fits, with so many replicas that have no node yet.
pub fn judge(fits: &Fits, waiting: u32) -> Placeable {
    if fits.any() {
        return if waiting > 0 && fits.room == 0 { Placeable::NoFreeGpu } else { Placeable::Fits };
    }
    match (fits.closed, &fits.largest) {
        (1.., _) => Placeable::NoFreeGpu,
        (0, Some(_)) => Placeable::NoFit,
        (0, None) => Placeable::NoGpuNodes,
    }
}

impl Fits {
    /// How many cards fit and how many of them are in use, by product.
    pub fn in_use(&self) -> String {
        let of = |p: &ProductFit| {
            let name = p.product.trim_start_matches("NVIDIA-");
            format!("{name} ({} of {} in use)", p.gpus.saturating_sub(p.free), p.gpus)
        };
        let mut said: Vec<_> = self.products.iter().map(of).collect();
        if self.closed > 0 {
            said.push(format!("{} nodes that are cordoned or not ready", self.closed));
        }
        said.join(", ")
    }
}
