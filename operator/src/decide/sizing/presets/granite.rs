//! IBM's Granite.

use super::table::{dense, experts, grouped, preset_table};
use crate::decide::sizing::{Layers, Recurrent, RecurrentKind};

/// Mamba 2 in all layers but 5, 15, 25 and 35.
const fn nine_of_ten(inner: u32, heads: u32) -> Recurrent {
    Recurrent {
        kind: RecurrentKind::Mamba2 { inner, state: 128, conv: 4, groups: 1, heads },
        layers: Layers::EveryExcept { period: 10, offset: 5 },
    }
}

preset_table! {
    "granite-3.3-2b" Granite 40 2048 49159 tied 131_072: grouped(32, 8, 64), dense(8192);
    "granite-3.3-8b" Granite 40 4096 49159 tied 131_072: grouped(32, 8, 128), dense(12800);
    "granite-4.0-micro" Granite 40 2560 100_352 tied 131_072: grouped(40, 8, 64), dense(8192);
    "granite-4.0-h-micro" GraniteHybrid 40 2048 100_352 tied 131_072: grouped(32, 8, 64), dense(8192), recurrent nine_of_ten(4096, 64);
    "granite-4.0-h-tiny" GraniteHybrid 40 1536 100_352 tied 131_072: grouped(12, 4, 128), experts(64, 6, 512, 1024), recurrent nine_of_ten(3072, 48);
    "granite-4.0-h-small" GraniteHybrid 40 4096 100_352 tied 131_072: grouped(32, 8, 128), experts(72, 10, 768, 1536), recurrent nine_of_ten(8192, 128);
}
