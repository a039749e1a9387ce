//! How much context a replica holds, and in which type.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much context a replica holds.
#[derive(KubeSchema, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.maxTokens) ? self.maxTokens : 4096) * (has(self.parallelSequences) ? self.parallelSequences : 4) <= 4194304")
        .message("maxTokens times parallelSequences is more than 4194304 tokens: lower one of them")
)]
pub struct ContextSpec {
    /// Tokens of prompt and completion together that one sequence may hold. Default 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 1_048_576))]
    pub max_tokens: Option<u32>,
    /// Requests that one replica answers at once (llama.cpp's slots). Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub parallel_sequences: Option<u32>,
    /// The type that keys and values are kept in. Default F16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache_type: Option<KvCacheType>,
}

/// The types that llama.cpp keeps keys and values in.
#[allow(non_camel_case_types)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum KvCacheType {
    /// 16 bits a value.
    #[default]
    F16,
    /// 16 bits a value, with the exponent of F32.
    BF16,
    /// 8.5 bits a value.
    Q8_0,
    /// 6 bits a value.
    Q5_1,
    /// 5.5 bits a value.
    Q5_0,
    /// 5 bits a value.
    Q4_1,
    /// 4.5 bits a value.
    Q4_0,
}
