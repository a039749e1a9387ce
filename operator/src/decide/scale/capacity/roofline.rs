//! The capacity that is assumed of a replica that nobody has seen busy yet.

use super::Capacity;
use super::generation::{UnknownGeneration, flop_per_second};
use crate::decide::placement::Gpu;

/// What a replica reads and computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Parameters that one token passes through; of a mixture of experts the active ones.
    pub active_parameters: f64,
    /// Bytes of weights that one decoding step reads.
    pub weight_bytes: f64,
    /// Bytes of keys and values of one sequence of usual length, which a step reads too.
    pub kv_bytes: f64,
    /// Sequences that are decoded at a time.
    pub sequences: u32,
}

/// The part of what a card could do that an engine gets out of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Efficiency {
    /// Of its arithmetic, while it reads prompts.
    pub compute: f64,
    /// Of its bandwidth, while it writes.
    pub bandwidth: f64,
}

impl Efficiency {
    /// Between 0.38 (A100) and 0.60 (A40) of the arithmetic is what AIBrix measured of a Llama 2 7B in its profile
    /// `simulator-llama2-7b`; the bandwidth's part is an assumption that the first minute under load replaces.
    pub const USUAL: Self = Self { compute: 0.45, bandwidth: 0.6 };
}

/// Two operations for each parameter and token.
const FLOP_PER_PARAMETER: f64 = 2.0;

/// A roofline of two kinds of work. Prompts are bound by arithmetic: FLOP/s over 2 FLOP per parameter. Completions
/// are bound by bandwidth: a step reads the weights once and every sequence's keys and values, and writes a token of
/// each sequence.
///
/// # Errors
/// The GPU's arithmetic is not known, or the shape is of no model.
pub fn roofline(gpu: &Gpu, shape: &Shape, efficiency: Efficiency) -> Result<Capacity, UnknownGeneration> {
    let sequences = f64::from(shape.sequences.max(1));
    let prompt = flop_per_second(gpu)? * efficiency.compute / (FLOP_PER_PARAMETER * shape.active_parameters);
    let bandwidth = f64::from(gpu.bandwidth_gb_s) * 1e9 * efficiency.bandwidth;
    let by_bandwidth = sequences * bandwidth / (shape.weight_bytes + sequences * shape.kv_bytes);
    // With many sequences a step computes longer than it reads.
    let completion = by_bandwidth.min(prompt);
    Capacity::new(prompt, completion).ok_or(UnknownGeneration { name: gpu.name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::gpu;

    fn llama2_7b(sequences: u32) -> Shape {
        Shape { active_parameters: 6.74e9, weight_bytes: 13.5e9, kv_bytes: 0.1e9, sequences }
    }

    /// Prompt tokens per second at 4 tokens of output, from AIBrix's profiles (Apache-2.0).
    #[test]
    fn prompts_are_within_a_factor_of_two_of_what_was_measured() {
        for (name, measured) in [("A100 SXM4 80GB", 4.255 * 2048.0), ("A40", 6.449 * 1024.0)] {
            let capacity = roofline(gpu(name).unwrap(), &llama2_7b(8), Efficiency::USUAL).unwrap();
            let ratio = capacity.tokens_per_second().prompt / measured;
            assert!((0.5..2.0).contains(&ratio), "{name}: {ratio:.2} of what was measured");
        }
    }

    #[test]
    fn sequences_share_the_reading_of_the_weights_until_arithmetic_binds() {
        let l4 = gpu("L4").unwrap();
        let at = |n| roofline(l4, &llama2_7b(n), Efficiency::USUAL).unwrap().tokens_per_second();
        assert!(at(8).completion > at(1).completion * 7.0);
        assert!(at(8).completion < at(1).completion * 8.0);
        let without_kv = Shape { kv_bytes: 0.0, ..llama2_7b(100_000) };
        let most = roofline(l4, &without_kv, Efficiency::USUAL).unwrap().tokens_per_second();
        assert!((most.completion - most.prompt).abs() < 1e-6);
    }

    #[test]
    fn shapes_of_no_model_and_cards_without_figures_are_refused() {
        let nothing = Shape { active_parameters: 0.0, weight_bytes: 0.0, kv_bytes: 0.0, sequences: 0 };
        assert!(roofline(gpu("L4").unwrap(), &nothing, Efficiency::USUAL).is_err());
        assert!(roofline(gpu("AMD Instinct MI210").unwrap(), &llama2_7b(1), Efficiency::USUAL).is_err());
    }
}
