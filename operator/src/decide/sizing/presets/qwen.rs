//! Alibaba's Qwen, and the models that DeepSeek distilled into it.

use super::table::{dense, experts, grouped, preset_table};
use crate::decide::sizing::{Layers, Recurrent, RecurrentKind};

/// Linear attention in three of four layers.
const THREE_OF_FOUR: Recurrent = Recurrent {
    kind: RecurrentKind::GatedDelta { key_heads: 16, value_heads: 32, key_dim: 128, value_dim: 128, conv: 4 },
    layers: Layers::EveryExcept { period: 4, offset: 3 },
};

preset_table! {
    "qwen2.5-0.5b" Qwen2 24 896 151_936 tied 32768: grouped(14, 2, 64), dense(4864);
    "qwen2.5-1.5b" Qwen2 28 1536 151_936 tied 32768: grouped(12, 2, 128), dense(8960);
    "qwen2.5-3b" Qwen2 36 2048 151_936 tied 32768: grouped(16, 2, 128), dense(11008);
    "qwen2.5-7b" Qwen2 28 3584 152_064 untied 32768: grouped(28, 4, 128), dense(18944);
    "qwen2.5-14b" Qwen2 48 5120 152_064 untied 32768: grouped(40, 8, 128), dense(13824);
    "qwen2.5-32b" Qwen2 64 5120 152_064 untied 32768: grouped(40, 8, 128), dense(27648);
    "qwen2.5-72b" Qwen2 80 8192 152_064 untied 32768: grouped(64, 8, 128), dense(29568);
    "qwen3-0.6b" Qwen3 28 1024 151_936 tied 40960: grouped(16, 8, 128), dense(3072);
    "qwen3-1.7b" Qwen3 28 2048 151_936 tied 40960: grouped(16, 8, 128), dense(6144);
    "qwen3-4b" Qwen3 36 2560 151_936 tied 40960: grouped(32, 8, 128), dense(9728);
    "qwen3-8b" Qwen3 36 4096 151_936 untied 40960: grouped(32, 8, 128), dense(12288);
    "qwen3-14b" Qwen3 40 5120 151_936 untied 40960: grouped(40, 8, 128), dense(17408);
    "qwen3-32b" Qwen3 64 5120 151_936 untied 40960: grouped(64, 8, 128), dense(25600);
    "qwen3-30b-a3b" Qwen3 48 2048 151_936 untied 40960: grouped(32, 4, 128), experts(128, 8, 768, 0);
    "qwen3-235b-a22b" Qwen3 94 4096 151_936 untied 40960: grouped(64, 4, 128), experts(128, 8, 1536, 0);
    "qwen3-next-80b-a3b" Qwen3Next 48 2048 151_936 untied 262_144: grouped(16, 2, 256), experts(512, 10, 512, 512), recurrent THREE_OF_FOUR;
    "deepseek-r1-distill-qwen-1.5b" Qwen2 28 1536 151_936 untied 131_072: grouped(12, 2, 128), dense(8960);
    "deepseek-r1-distill-qwen-7b" Qwen2 28 3584 152_064 untied 131_072: grouped(28, 4, 128), dense(18944);
    "deepseek-r1-distill-qwen-14b" Qwen2 48 5120 152_064 untied 131_072: grouped(40, 8, 128), dense(13824);
    "deepseek-r1-distill-qwen-32b" Qwen2 64 5120 152_064 untied 131_072: grouped(40, 8, 128), dense(27648);
}
