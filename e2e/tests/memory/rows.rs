//! The combinations of model file, context, slots, KV type and quantization.

use flotilla_e2e::harness::image;
use flotilla_operator::decide::sizing::{
    self, Architecture, Attention, Engine, Family, FeedForward, KvCacheType, Layers, LlamaCpp, Quantization,
    Request, Sliding,
};

/// A model of the bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// SmolLM2-135M in `Q4_1`.
    SmolLm2,
    /// Two narrow layers in F16.
    Tiny,
    /// Thirty layers of next to no width in F16.
    Hollow,
    /// Two of them.
    Shallow,
    /// Gemma 3's layers in `Q8_0`, five of six with a window.
    Windowed,
}

/// Where they run.
pub const NODE: &str = "gpu-3060";

/// One combination.
#[derive(Debug, Clone)]
pub struct Row {
    pub name: String,
    pub model: Model,
    /// Tokens of one sequence.
    pub tokens: u32,
    pub sequences: u32,
    pub kv: KvCacheType,
}

/// Prompts of SmolLM2 are short, because a core reads about a hundred of its tokens a second.
const ROWS: &[(&str, Model, u32, u32, KvCacheType)] = &[
    ("smollm2-1x1024-f16", Model::SmolLm2, 1024, 1, KvCacheType::F16),
    ("smollm2-4x512-f16", Model::SmolLm2, 512, 4, KvCacheType::F16),
    ("smollm2-2x768-q8-0", Model::SmolLm2, 768, 2, KvCacheType::Q8_0),
    ("smollm2-2x512-q4-0", Model::SmolLm2, 512, 2, KvCacheType::Q4_0),
    ("smollm2-1x512-q4-1", Model::SmolLm2, 512, 1, KvCacheType::Q4_1),
    ("smollm2-8x256-q5-1", Model::SmolLm2, 256, 8, KvCacheType::Q5_1),
    ("tiny-2x16384-f16", Model::Tiny, 16_384, 2, KvCacheType::F16),
    ("tiny-2x16384-q8-0", Model::Tiny, 16_384, 2, KvCacheType::Q8_0),
    ("tiny-4x8192-q5-0", Model::Tiny, 8192, 4, KvCacheType::Q5_0),
    ("windowed-4x4096-f16", Model::Windowed, 4096, 4, KvCacheType::F16),
    ("windowed-2x4096-q8-0", Model::Windowed, 4096, 2, KvCacheType::Q8_0),
    ("windowed-1x8192-q4-0", Model::Windowed, 8192, 1, KvCacheType::Q4_0),
];

/// All rows.
pub fn rows() -> Vec<Row> {
    let named = |&(name, model, tokens, sequences, kv): &(&str, Model, u32, u32, KvCacheType)| Row {
        name: name.to_owned(),
        model,
        tokens,
        sequences,
        kv,
    };
    ROWS.iter().map(named).collect()
}

/// The terms that host memory stands in for, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub weights: u64,
    pub kv_cache: u64,
    pub compute: u64,
}

impl Terms {
    pub const fn total(&self) -> u64 {
        self.weights + self.kv_cache + self.compute
    }
}

impl Row {
    /// The same with a model of next to no width, about as deep: what it takes beside its own estimate is what any
    /// engine with such slots and prompts takes.
    pub fn empty(&self) -> Self {
        let model = if self.model == Model::Tiny { Model::Shallow } else { Model::Hollow };
        Self { name: format!("{}-empty", self.name), model, kv: KvCacheType::F16, ..self.clone() }
    }

    /// The estimate without the GPU runtime.
    pub fn estimate(&self) -> Terms {
        let architecture = self.model.architecture();
        let host = LlamaCpp { host_memory: true, ..LlamaCpp::default() };
        let request = Request {
            parallel_sequences: self.sequences,
            kv: self.kv,
            engine: Engine::LlamaCpp(host),
            ..Request::new(&architecture, self.model.quantization(), self.tokens)
        };
        let estimate = sizing::estimate(&request).unwrap();
        // CUDA's 16-bit copy of keys and values is all that the type of the cache changes in the compute buffers, and
        // the CPU makes none.
        let compute = sizing::estimate(&Request { kv: KvCacheType::F16, ..request }).unwrap().compute;
        Terms { weights: estimate.weights.get(), kv_cache: estimate.kv_cache.get(), compute: compute.get() }
    }
}

impl Model {
    /// The OCI source of its file.
    pub fn source(self) -> String {
        let name = match self {
            Self::SmolLm2 => "models/smollm2-135m:q4_1",
            Self::Tiny => "models/tiny:f16",
            Self::Hollow => "models/hollow:f16",
            Self::Shallow => "models/shallow:f16",
            Self::Windowed => "models/windowed:q8_0",
        };
        format!("oci://{}", image(name))
    }

    fn quantization(self) -> Quantization {
        match self {
            Self::SmolLm2 => Quantization::Q4_1,
            Self::Tiny | Self::Hollow | Self::Shallow => Quantization::F16,
            Self::Windowed => Quantization::Q8_0,
        }
    }

    fn architecture(self) -> Architecture {
        let smollm2 = sizing::preset("smollm2-135m").unwrap().architecture.clone();
        // As e2e/src/images/models.rs writes them.
        let (family, layers, hidden, heads, kv_heads, head_dim, size) = match self {
            Self::SmolLm2 => return smollm2,
            Self::Tiny => (Family::Llama, 2, 64, 2, 1, 32, 128),
            Self::Hollow => (Family::Llama, 30, 32, 1, 1, 32, 32),
            Self::Shallow => (Family::Llama, 2, 32, 1, 1, 32, 32),
            Self::Windowed => (Family::Gemma3, 12, 256, 4, 2, 64, 1024),
        };
        let windowed = Sliding { window: 512, layers: Layers::EveryExcept { period: 6, offset: 5 } };
        Architecture {
            family,
            layers,
            hidden,
            attention: Attention::Grouped { heads, kv_heads, head_dim },
            sliding: matches!(self, Self::Windowed).then_some(windowed),
            feed_forward: FeedForward { size, ..smollm2.feed_forward },
            context_window: 32_768,
            ..smollm2
        }
    }
}
