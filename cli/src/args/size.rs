//! The flags of `size`.

use super::values::{adapters, count, percent, rank, tokens};
use super::{OutputArgs, Reading};
use clap::{Args, ValueEnum};

/// What to size, and how.
#[derive(Args, Clone, Debug)]
pub struct SizeArgs {
    /// Where the model is described.
    #[command(flatten)]
    pub source: Source,
    /// How the weights are stored: Q4_K_M and the like; for vLLM and SGLang BF16, FP8, AWQ, GPTQ-Int4.
    /// [default: as the source says]
    #[arg(short, long, value_name = "NAME", help_heading = "Settings")]
    pub quantization: Option<String>,
    /// Tokens of one sequence, prompt and answer together: 8192 or 8k. [default: 4096]
    #[arg(short, long, value_name = "TOKENS", value_parser = tokens, allow_negative_numbers = true, help_heading = "Settings")]
    pub context: Option<u32>,
    /// Sequences answered at once. [default: 4]
    #[arg(short, long, visible_alias = "slots", value_name = "COUNT", value_parser = count, allow_negative_numbers = true, help_heading = "Settings")]
    pub sequences: Option<u32>,
    /// How keys and values are stored: F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0, FP8 (vLLM, SGLang).
    /// [default: F16]
    #[arg(short, long, value_name = "TYPE", help_heading = "Settings")]
    pub kv_cache: Option<String>,
    /// What serves the model: llamacpp, vllm or sglang. [default: llamacpp; for --config-json vllm]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "NAME",
        hide_possible_values = true,
        help_heading = "Settings"
    )]
    pub engine: Option<EngineName>,
    /// The engine's version, such as 0.11. [default: a current one]
    #[arg(long, value_name = "VERSION", help_heading = "Settings")]
    pub engine_version: Option<String>,
    /// GPUs that share the model. [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = count, allow_negative_numbers = true, help_heading = "Settings")]
    pub gpus: Option<u32>,
    /// LoRA adapters that are loaded beside the model.
    #[arg(long, value_name = "COUNT", value_parser = adapters, allow_negative_numbers = true, help_heading = "Settings")]
    pub adapters: Option<u32>,
    /// The rank of each adapter, over every linear layer, 16-bit. [default: 16]
    #[arg(long, value_name = "RANK", value_parser = rank, allow_negative_numbers = true, requires = "adapters", help_heading = "Settings")]
    pub adapter_rank: Option<u32>,
    /// Added to the estimate before a card is chosen. [default: 5%]
    #[arg(long, value_name = "PERCENT", value_parser = percent, allow_negative_numbers = true, help_heading = "Settings")]
    pub headroom: Option<u64>,
    /// How files are read.
    #[command(flatten)]
    pub reading: Reading,
    /// Whether it fits this GPU, a name or an nvidia.com/gpu.product label. Exit code 1 if not.
    #[arg(short, long, value_name = "PRODUCT", help_heading = "Output")]
    pub gpu: Option<String>,
    /// List every GPU that the model fits on.
    #[arg(short, long, help_heading = "Output")]
    pub all: bool,
    /// The form of the output.
    #[command(flatten, next_help_heading = "Output")]
    pub output: OutputArgs,
}

/// Where the model is described: one of these.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct Source {
    /// A file of ModelDeployments, YAML or JSON; `-` for standard input. May be given more than once.
    #[arg(short, long, value_name = "FILE", help_heading = "Model (one of)")]
    pub filename: Vec<String>,
    /// A model that is known by name; see `kubectl flotilla presets`.
    #[arg(short, long, value_name = "NAME", help_heading = "Model (one of)")]
    pub preset: Option<String>,
    /// A Hugging Face config.json; `-` for standard input.
    #[arg(long, value_name = "FILE", help_heading = "Model (one of)")]
    pub config_json: Option<String>,
    /// A GGUF file of which only the head is read: a path, https://…, oci://REGISTRY/REPOSITORY:TAG#FILE, or
    /// hf://OWNER/NAME/FILE. HF_TOKEN is sent to huggingface.co alone.
    #[arg(long, value_name = "FILE|URL", help_heading = "Model (one of)")]
    pub gguf: Option<String>,
}

/// The engines whose memory is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// llama.cpp's llama-server.
    #[value(name = "llamacpp", alias = "llama.cpp", alias = "llama-cpp", alias = "LlamaCpp")]
    LlamaCpp,
    /// vLLM.
    #[value(name = "vllm", alias = "vLLM")]
    Vllm,
    /// SGLang.
    #[value(name = "sglang", alias = "SGLang")]
    Sglang,
}
