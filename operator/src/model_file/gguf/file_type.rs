//! Quantizations, as files number them.

use crate::decide::sizing::Quantization as Q;

/// `LLAMA_FTYPE_GUESSED` of llama.h, which marks a type that was not in the file's source.
const GUESSED: u32 = 1024;

/// The quantization of `general.file_type` (`enum llama_ftype` of llama.h), if it is known.
pub(in crate::model_file) const fn quantization(file_type: u32) -> Option<Q> {
    Some(match file_type & !GUESSED {
        0 => Q::F32,
        1 => Q::F16,
        2 => Q::Q4_0,
        3 => Q::Q4_1,
        7 => Q::Q8_0,
        8 => Q::Q5_0,
        9 => Q::Q5_1,
        10 => Q::Q2_K,
        11 => Q::Q3_K_S,
        12 => Q::Q3_K_M,
        13 => Q::Q3_K_L,
        14 => Q::Q4_K_S,
        15 => Q::Q4_K_M,
        16 => Q::Q5_K_S,
        17 => Q::Q5_K_M,
        18 => Q::Q6_K,
        19 => Q::IQ2_XXS,
        20 => Q::IQ2_XS,
        22 => Q::IQ3_XS,
        23 => Q::IQ3_XXS,
        24 => Q::IQ1_S,
        25 => Q::IQ4_NL,
        26 => Q::IQ3_S,
        27 => Q::IQ3_M,
        28 => Q::IQ2_S,
        29 => Q::IQ2_M,
        30 => Q::IQ4_XS,
        31 => Q::IQ1_M,
        32 => Q::BF16,
        _ => return None,
    })
}
