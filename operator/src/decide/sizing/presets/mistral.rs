//! Mistral AI.

use super::table::{dense, experts, grouped, preset_table};

preset_table! {
    "mistral-7b-v0.3" Llama 32 4096 32768 untied 32768: grouped(32, 8, 128), dense(14336);
    "mistral-nemo-12b" Llama 40 5120 131_072 untied 131_072: grouped(32, 8, 128), dense(14336);
    "mistral-small-24b" Llama 40 5120 131_072 untied 32768: grouped(32, 8, 128), dense(32768);
    "ministral-8b" Llama 36 4096 131_072 untied 32768: grouped(32, 8, 128), dense(12288);
    "mixtral-8x7b" Llama 32 4096 32000 untied 32768: grouped(32, 8, 128), experts(8, 2, 14336, 0);
}
