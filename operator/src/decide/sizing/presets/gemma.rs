//! Google's Gemma. Gemma 3's vision part is SigLIP's tower for 896 by 896 pixels (416,866,032 parameters) and a projector.

use super::table::{dense, grouped, preset_table, sliding_but_every};

preset_table! {
    "gemma-2-2b" Gemma2 26 2304 256_000 tied 8192: grouped(8, 4, 256), dense(9216), sliding sliding_but_every(2, 4096);
    "gemma-2-9b" Gemma2 42 3584 256_000 tied 8192: grouped(16, 8, 256), dense(14336), sliding sliding_but_every(2, 4096);
    "gemma-2-27b" Gemma2 46 4608 256_000 tied 8192: grouped(32, 16, 128), dense(36864), sliding sliding_but_every(2, 4096);
    "gemma-3-1b" Gemma3 26 1152 262_144 tied 32768: grouped(4, 1, 256), dense(6912), sliding sliding_but_every(6, 512);
    "gemma-3-4b" Gemma3 34 2560 262_208 tied 131_072: grouped(8, 4, 256), dense(10240), sliding sliding_but_every(6, 1024), vision 419_816_304;
    "gemma-3-12b" Gemma3 48 3840 262_208 tied 131_072: grouped(16, 8, 256), dense(15360), sliding sliding_but_every(6, 1024), vision 421_290_864;
    "gemma-3-27b" Gemma3 62 5376 262_208 tied 131_072: grouped(32, 16, 128), dense(21504), sliding sliding_but_every(6, 1024), vision 423_060_336;
}
