//! How much a GPU computes for each byte that it reads.

use crate::decide::placement::Gpu;

/// FLOP with 16-bit inputs and 32-bit sums on dense matrices for each byte of memory bandwidth. Of the cards of one
/// generation the one with the lowest ratio stands for all: a prior that promises too little starts a replica too
/// many, one that promises too much lets requests wait.
///
/// Figures are NVIDIA's: of the data sheet of that name for data centre and RTX cards (where it has only the figure
/// "with sparsity", half of that), of the white paper on Turing, and for later GeForce cards twice their rate of plain
/// 32-bit arithmetic, which is shaders times clock times two. For Blackwell cards of compute capability 12.0 NVIDIA tells
/// "AI TOPS": 4-bit and with sparsity, which is eight times the 16-bit rate of professional cards, and sixteen times that
/// of GeForce, whose rate halves with 32-bit sums. They were compared with what others quote of those sheets, not with
/// the sheets.
/// Capacity is learned as soon as requests wait; a figure here counts until then.
#[rustfmt::skip]
const FLOP_PER_BYTE: &[((u8, u8), Kind, f64)] = &[
    ((7, 0),  Kind::Any,          139.0), // V100 SXM2: 125 TFLOPS, 900 GB/s
    ((7, 5),  Kind::GeForce,       87.0), // RTX 2080 Ti: 53.8 TFLOPS, 616 GB/s
    ((7, 5),  Kind::Professional, 203.0), // T4: 65 TFLOPS, 320 GB/s
    ((8, 0),  Kind::Any,          153.0), // A100 SXM4 80GB: 312 TFLOPS, 2,039 GB/s
    ((8, 6),  Kind::GeForce,       67.0), // RTX 3080 12GB: 61.3 TFLOPS, 912 GB/s
    ((8, 6),  Kind::Professional, 144.0), // RTX A5000: 222.2 with sparsity / 2 = 111 TFLOPS, 768 GB/s
    ((8, 9),  Kind::GeForce,      111.0), // RTX 4060: 30.2 TFLOPS, 272 GB/s
    ((8, 9),  Kind::Professional, 209.0), // L40: 181.05 TFLOPS, 864 GB/s
    ((9, 0),  Kind::Any,          174.0), // H200 NVL: 1,671 with sparsity / 2 = 835 TFLOPS, 4,800 GB/s
    ((10, 0), Kind::Any,          281.0), // B200: 2,250 TFLOPS, 8,000 GB/s
    ((12, 0), Kind::GeForce,       86.0), // RTX 5060: 614 AI TOPS / 16 = 38.4 TFLOPS, 448 GB/s
    ((12, 0), Kind::Professional, 192.0), // RTX PRO 5000: 2,064 AI TOPS / 8 = 258 TFLOPS, 1,344 GB/s
];

/// Cards that compute far less for their bandwidth than others of their generation.
const REDUCED: &[(&str, f64)] = &[
    ("A10G", 117.0),           // 70 TFLOPS, 600 GB/s
    ("A16", 86.0),             // 17.36 TFLOPS, 200 GB/s, each of its four GPUs
    ("RTX A2000 12GB", 111.0), // 32 TFLOPS, 288 GB/s
    ("L20", 138.0),            // 119.5 TFLOPS, 864 GB/s
    ("H20", 37.0),             // 148 TFLOPS, 4,000 GB/s
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    /// Half the rate with 32-bit sums.
    GeForce,
    Professional,
}

/// A GPU whose arithmetic nobody has entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("how fast {name} computes is not known: its replicas' capacity is known once they have been busy")]
pub struct UnknownGeneration {
    /// The GPU's name in the catalogue.
    pub name: &'static str,
}

/// Dense FLOP per second.
pub(super) fn flop_per_second(gpu: &Gpu) -> Result<f64, UnknownGeneration> {
    let ratio = reduced(gpu).or_else(|| of_generation(gpu)).ok_or(UnknownGeneration { name: gpu.name })?;
    Ok(ratio * f64::from(gpu.bandwidth_gb_s) * 1e9)
}

fn reduced(gpu: &Gpu) -> Option<f64> {
    REDUCED.iter().find(|(name, _)| *name == gpu.name).map(|(_, ratio)| *ratio)
}

fn of_generation(gpu: &Gpu) -> Option<f64> {
    let geforce = gpu.product.is_some_and(|product| product.contains("GeForce"));
    let kind = if geforce { Kind::GeForce } else { Kind::Professional };
    let fits =
        |of: (u8, u8), like: Kind| gpu.compute_capability == Some(of) && (like == Kind::Any || like == kind);
    FLOP_PER_BYTE.iter().find(|(of, like, _)| fits(*of, *like)).map(|(_, _, ratio)| *ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::gpus;

    #[test]
    fn every_card_that_replicas_are_placed_on_has_a_generation() {
        for gpu in gpus().iter().filter(|gpu| gpu.product.is_some()) {
            assert!(flop_per_second(gpu).is_ok(), "{}", gpu.name);
        }
    }
}
