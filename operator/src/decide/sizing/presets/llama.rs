//! Meta's Llama 3, and the models that DeepSeek distilled into it.

use super::table::{dense, grouped, preset_table};

preset_table! {
    "llama-3.1-8b" Llama 32 4096 128_256 untied 131_072: grouped(32, 8, 128), dense(14336);
    "llama-3.1-70b" Llama 80 8192 128_256 untied 131_072: grouped(64, 8, 128), dense(28672);
    "llama-3.2-1b" Llama 16 2048 128_256 tied 131_072: grouped(32, 8, 64), dense(8192);
    "llama-3.2-3b" Llama 28 3072 128_256 tied 131_072: grouped(24, 8, 128), dense(8192);
    "llama-3.3-70b" Llama 80 8192 128_256 untied 131_072: grouped(64, 8, 128), dense(28672);
    "deepseek-r1-distill-llama-8b" Llama 32 4096 128_256 untied 131_072: grouped(32, 8, 128), dense(14336);
    "deepseek-r1-distill-llama-70b" Llama 80 8192 128_256 untied 131_072: grouped(64, 8, 128), dense(28672);
}
