//! OpenAI's open models.

use super::table::{experts, grouped, preset_table, sliding_but_every};

preset_table! {
    "gpt-oss-20b" GptOss 24 2880 201_088 untied 131_072: grouped(64, 8, 64), experts(32, 4, 2880, 0), sliding sliding_but_every(2, 128);
    "gpt-oss-120b" GptOss 36 2880 201_088 untied 131_072: grouped(64, 8, 64), experts(128, 4, 2880, 0), sliding sliding_but_every(2, 128);
}
