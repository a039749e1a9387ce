//! The shape of a model that no preset describes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shape of a transformer, as its config.json or GGUF header has it.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.heads % self.kvHeads == 0")
        .message("kvHeads must divide heads: with grouped query attention each KV head serves the same number of heads"),
    validation = Rule::new("has(self.headDim) || self.hiddenSize % self.heads == 0")
        .message("heads does not divide hiddenSize: set headDim"),
    validation = Rule::new("self.feedForwardSize >= 32 || (self.feedForwardSize == 0 && has(self.experts))")
        .message("feedForwardSize must be at least 32, or 0 where every layer has experts: set experts"),
    validation = Rule::new("self.feedForwardSize >= 32 || !has(self.experts) || (!has(self.experts.denseLayers) && (!has(self.experts.every) || self.experts.every == 1))")
        .message("some layers have no experts: set feedForwardSize to their width"),
    validation = Rule::new("!(has(self.recurrent) && has(self.latentAttention))")
        .message("no model has recurrent layers and latent attention: set one")
)]
pub struct Architecture {
    /// The tensor layout.
    pub family: ModelFamily,
    /// Number of transformer blocks.
    #[schemars(range(min = 1, max = 1024))]
    pub layers: u32,
    /// Width of the residual stream.
    #[schemars(range(min = 32, max = 131_072))]
    pub hidden_size: u32,
    /// Width of the feed-forward layer; 0 if every layer has experts.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub feed_forward_size: u32,
    /// Attention heads.
    #[schemars(range(min = 1, max = 1024))]
    pub heads: u32,
    /// Heads of keys and values. Of no effect with latentAttention.
    #[schemars(range(min = 1, max = 1024))]
    pub kv_heads: u32,
    /// Size of one head; defaults to hiddenSize / heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 1024))]
    pub head_dim: Option<u32>,
    /// Number of tokens in the vocabulary.
    #[schemars(range(min = 2, max = 2_000_000))]
    pub vocab_size: u32,
    /// Whether the output layer shares the embedding's weights.
    #[serde(default)]
    pub tied_embeddings: bool,
    /// Tokens that the model was trained for. More than that in spec.context is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 16_777_216))]
    pub context_window: Option<u32>,
    /// Layers that see only the last tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<SlidingWindow>,
    /// Experts, of which each token uses some; all of them take memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Keys and values compressed to one latent of each token (MLA, as DeepSeek-V3 has it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_attention: Option<LatentAttention>,
    /// Layers that keep a state of fixed size instead of keys and values; with family FalconH1, beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrent: Option<Recurrent>,
}

/// Layers that see only the last tokens.
#[derive(KubeSchema, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.fullOffset) || (has(self.fullEvery) && self.fullOffset < self.fullEvery)")
        .message("fullOffset counts within fullEvery layers: set fullEvery above it")
)]
pub struct SlidingWindow {
    /// How many tokens these layers see.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub tokens: u32,
    /// One of this many layers sees all tokens: 2 for Gemma 2 and gpt-oss, 6 for Gemma 3. Absent: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1024))]
    pub full_every: Option<u32>,
    /// Which of them, from 0. Default the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1023))]
    pub full_offset: Option<u32>,
}

/// Experts of a layer.
#[derive(KubeSchema, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.used <= self.count")
        .message("a token cannot use more experts than there are: lower used")
)]
pub struct Experts {
    /// How many a layer has.
    #[schemars(range(min = 1, max = 4096))]
    pub count: u32,
    /// How many each token uses.
    #[schemars(range(min = 1, max = 4096))]
    pub used: u32,
    /// Inner width of one.
    #[schemars(range(min = 32, max = 1_048_576))]
    pub size: u32,
    /// Inner width of the part that every token uses. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 32, max = 1_048_576))]
    pub shared_size: Option<u32>,
    /// Leading layers without experts. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub dense_layers: Option<u32>,
    /// Of this many layers the last has experts: 2 for Jamba. Default 1, which is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub every: Option<u32>,
}

/// Recurrent layers, by the names of GGUF headers (`ssm.inner_size` and so on).
#[derive(KubeSchema, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.attentionOffset) || (has(self.attentionEvery) && self.attentionOffset < self.attentionEvery)")
        .message("attentionOffset counts within attentionEvery layers: set attentionEvery above it"),
    validation = Rule::new("self.kind != 'GatedDelta' || self.innerSize % self.heads == 0")
        .message("innerSize must be heads times the size of a value head: heads must divide it")
)]
pub struct Recurrent {
    /// What the layers compute.
    pub kind: RecurrentKind,
    /// Width inside a layer: `mamba_d_ssm`, or `mamba_expand` times hiddenSize; for GatedDelta
    /// `linear_num_value_heads` times `linear_value_head_dim`.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub inner_size: u32,
    /// States of a channel: `mamba_d_state`; for GatedDelta `linear_key_head_dim`.
    #[schemars(range(min = 1, max = 65_536))]
    pub state_size: u32,
    /// Tokens that the convolution sees: `mamba_d_conv`, `linear_conv_kernel_dim`. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub convolution: Option<u32>,
    /// `mamba_n_heads`; for GatedDelta `linear_num_value_heads`; for Mamba the rank of the step size
    /// (`mamba_dt_rank`).
    #[schemars(range(min = 1, max = 65_536))]
    pub heads: u32,
    /// Groups of heads: `mamba_n_groups`; for GatedDelta `linear_num_key_heads`. Default 1. Of no effect with Mamba.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_536))]
    pub groups: Option<u32>,
    /// One of this many layers attends instead: 4 for Qwen3-Next, 8 for Jamba, 10 for Granite 4. Absent: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1024))]
    pub attention_every: Option<u32>,
    /// Which of them, from 0. Default the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1023))]
    pub attention_offset: Option<u32>,
}

/// What a recurrent layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum RecurrentKind {
    /// A selective state space with a state for each channel (Jamba).
    Mamba,
    /// A state space with heads (Granite 4, Falcon-H1).
    Mamba2,
    /// Linear attention with a gated delta rule (Qwen3-Next).
    GatedDelta,
}

/// Dimensions of multi-head latent attention, by the names of config.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatentAttention {
    /// `q_lora_rank`; absent if queries are not compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 131_072))]
    pub query_rank: Option<u32>,
    /// `kv_lora_rank`.
    #[schemars(range(min = 1, max = 131_072))]
    pub kv_rank: u32,
    /// `qk_nope_head_dim`.
    #[schemars(range(min = 1, max = 8192))]
    pub nope_dim: u32,
    /// `qk_rope_head_dim`.
    #[schemars(range(min = 1, max = 8192))]
    pub rope_dim: u32,
    /// `v_head_dim`.
    #[schemars(range(min = 1, max = 8192))]
    pub value_dim: u32,
}

/// A tensor layout that the estimator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum ModelFamily {
    /// Llama 2 and 3, Mistral, Mixtral, SmolLM2.
    Llama,
    /// Qwen 2 and 2.5, with experts or without.
    Qwen2,
    /// Qwen 3, with experts or without.
    Qwen3,
    /// Qwen3-Next.
    Qwen3Next,
    /// Phi-3 and Phi-4.
    Phi3,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3.
    Gemma3,
    /// gpt-oss.
    GptOss,
    /// DeepSeek-V2, V3 and R1.
    DeepSeek2,
    /// Granite 3, and Granite 4 without recurrence.
    Granite,
    /// Granite 4 with recurrence.
    GraniteHybrid,
    /// Falcon-H1.
    FalconH1,
    /// Jamba.
    Jamba,
    /// Any other: computed as a plain transformer, with an allowance for what is not known.
    Plain,
}
