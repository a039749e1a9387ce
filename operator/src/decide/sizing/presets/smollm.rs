//! Hugging Face's SmolLM.

use super::table::{dense, grouped, preset_table};

preset_table! {
    "smollm2-135m" Llama 30 576 49152 tied 8192: grouped(9, 3, 64), dense(1536);
    "smollm2-360m" Llama 32 960 49152 tied 8192: grouped(15, 5, 64), dense(2560);
    "smollm2-1.7b" Llama 24 2048 49152 tied 8192: grouped(32, 32, 64), dense(8192);
    "smollm3-3b" Llama 36 2048 128_256 tied 65536: grouped(16, 4, 128), dense(11008);
}
