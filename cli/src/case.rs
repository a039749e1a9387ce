//! What is to be sized, from whichever source.

use flotilla_crds::model_deployment::MemoryBasis;
use flotilla_operator::decide::sizing::{
    Adapter, Architecture, Bytes, Engine, KvCacheType, Request, Weights,
};

/// What figures were computed from, in the words of `status.memory.basis` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The head of the model's file.
    File,
    /// A checkpoint's config.json.
    Config,
    /// `spec.model.architecture`.
    Architecture,
    /// The catalogue of models.
    Preset,
    /// Somebody declared the need.
    Declared,
}

impl From<MemoryBasis> for Basis {
    fn from(basis: MemoryBasis) -> Self {
        match basis {
            MemoryBasis::File => Self::File,
            MemoryBasis::Architecture => Self::Architecture,
            MemoryBasis::Preset => Self::Preset,
            MemoryBasis::Declared => Self::Declared,
        }
    }
}

/// One thing to size.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A model whose need can be computed.
    Model(Box<Case>),
    /// An engine that declares its need.
    Declared {
        /// Its name for people.
        name: String,
        /// The need of one GPU.
        per_gpu: Bytes,
        /// What is added before a card is chosen, in percent.
        headroom_percent: u64,
    },
}

/// One model with the settings of its engine.
#[derive(Clone, Debug)]
pub struct Case {
    /// The model's name for people.
    pub name: String,
    /// How the weights are stored, for people.
    pub format: String,
    /// The model's dimensions.
    pub architecture: Architecture,
    /// How its weights are stored.
    pub weights: Weights,
    /// Tokens of each sequence.
    pub context_tokens: u32,
    /// Sequences served at a time.
    pub parallel_sequences: u32,
    /// How keys and values are stored.
    pub kv: KvCacheType,
    /// What serves the model.
    pub engine: Engine,
    /// GPUs that share the model.
    pub gpus: u32,
    /// LoRA adapters.
    pub adapters: Vec<Adapter>,
    /// A need of one GPU that replaces the estimate.
    pub declared: Option<Bytes>,
    /// What is added before a card is chosen, in percent.
    pub headroom_percent: u64,
    /// What the figures were computed from.
    pub basis: Basis,
    /// Why the figures may be others in the end.
    pub warnings: Vec<String>,
    /// What the source left open, and how that was settled.
    pub notes: Vec<String>,
}

impl Case {
    /// The request to the estimator.
    pub fn request(&self) -> Request<'_> {
        Request {
            architecture: &self.architecture,
            weights: self.weights,
            context_tokens: self.context_tokens,
            parallel_sequences: self.parallel_sequences,
            kv: self.kv,
            engine: self.engine,
            gpus: self.gpus,
            adapters: &self.adapters,
        }
    }
}
