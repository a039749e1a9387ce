//! The quantizations a GGUF file may have.

use super::names::named_enum;

named_enum! {
    /// How a model's weights are stored. Each names a mixture of block formats, not one format: `mixture.rs`
    /// says which tensor gets which.
    "quantization" Quantization {
        /// 32-bit floats.
        F32,
        /// 16-bit floats, 8 bits of exponent.
        BF16,
        /// 16-bit floats.
        F16,
        /// 8.5 bits.
        Q8_0,
        /// 6.6 bits.
        Q6_K,
        /// About 6 bits, blocks of 32.
        Q5_1,
        /// About 5.7 bits.
        Q5_K_M,
        /// About 5.5 bits.
        Q5_K_S,
        /// About 5.5 bits, blocks of 32.
        Q5_0,
        /// About 5 bits, blocks of 32.
        Q4_1,
        /// About 4.9 bits.
        Q4_K_M,
        /// About 4.7 bits.
        Q4_K_S,
        /// About 4.6 bits, blocks of 32, non-linear.
        IQ4_NL,
        /// About 4.6 bits, blocks of 32.
        Q4_0,
        /// About 4.4 bits, non-linear.
        IQ4_XS,
        /// 4.25 bits for experts, 8.5 for the rest: gpt-oss as published.
        MXFP4_MOE,
        /// About 4.3 bits.
        Q3_K_L,
        /// About 4 bits.
        Q3_K_M,
        /// About 3.8 bits.
        IQ3_M,
        /// About 3.7 bits.
        IQ3_S,
        /// About 3.6 bits.
        Q3_K_S,
        /// About 3.5 bits.
        IQ3_XS,
        /// About 3.4 bits.
        IQ3_XXS,
        /// About 3.2 bits.
        Q2_K,
        /// About 2.9 bits.
        IQ2_M,
        /// About 2.7 bits.
        IQ2_S,
        /// About 2.6 bits.
        IQ2_XS,
        /// About 2.4 bits.
        IQ2_XXS,
        /// About 2.2 bits.
        IQ1_M,
        /// About 2 bits.
        IQ1_S,
    }
}
