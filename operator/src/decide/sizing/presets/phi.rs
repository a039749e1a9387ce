//! Microsoft's Phi.

use super::table::{dense, grouped, preset_table};

preset_table! {
    "phi-3-mini-4k" Phi3 32 3072 32064 untied 4096: grouped(32, 32, 96), dense(8192);
    "phi-3-mini-128k" Phi3 32 3072 32064 untied 131_072: grouped(32, 32, 96), dense(8192);
    "phi-3-medium-4k" Phi3 40 5120 32064 untied 4096: grouped(40, 10, 128), dense(17920);
    "phi-3-medium-128k" Phi3 40 5120 32064 untied 131_072: grouped(40, 10, 128), dense(17920);
    "phi-3.5-mini" Phi3 32 3072 32064 untied 131_072: grouped(32, 32, 96), dense(8192);
    "phi-4" Phi3 40 5120 100_352 untied 16384: grouped(40, 10, 128), dense(17920);
    "phi-4-mini" Phi3 32 3072 200_064 tied 131_072: grouped(24, 8, 128), dense(8192);
}
