//! What can go wrong, and the exit codes.

use crate::remedy;
use flotilla_operator::decide::placement::UnknownGpu;
use flotilla_operator::decide::sizing::{InvalidVersion, SizingError, UnknownName, UnknownPreset};
use flotilla_operator::model_deployment::need::NeedError;
use flotilla_operator::model_file::ModelFileError;
use flotilla_operator::model_file::config_json::ConfigError;
use flotilla_operator::model_file::read::oci::OciError;
use std::process::ExitCode;

/// How a command ends. Scripts may rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; with `--gpu`, the model fits.
    Ok,
    /// The model does not fit the GPU that was asked for.
    DoesNotFit,
    /// Wrong usage or bad input.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::DoesNotFit => 1,
            Exit::Failed => 2,
        })
    }
}

/// Why a command failed, in words that say what to change.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A file cannot be read.
    #[error("{name} cannot be read: {reason}")]
    Read {
        /// The file, or `standard input`.
        name: String,
        /// What the operating system said.
        reason: String,
    },
    /// A file is longer than any of its kind.
    #[error("{name} is longer than {limit} bytes, which no file of its kind is")]
    TooLong {
        /// The file.
        name: String,
        /// The most that is read.
        limit: u64,
    },
    /// A router does not answer as it should.
    #[error("the router at {url}: {reason}")]
    Router {
        /// Its address.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// A manifest is no YAML, or not what the API server would take.
    #[error("{name}: {reason}")]
    Manifest {
        /// The file, and the object in it.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// It holds nothing of what is asked about.
    #[error("{name} has no {kind}")]
    Empty {
        /// The file.
        name: String,
        /// The kind of object.
        kind: String,
    },
    /// A config.json cannot be used.
    #[error("{name}: {error}")]
    Config {
        /// The file.
        name: String,
        /// What is wrong with it.
        #[source]
        error: ConfigError,
    },
    /// A model's file cannot be used.
    #[error("{0}{remedy}", remedy = remedy::of_file(.0))]
    ModelFile(#[from] ModelFileError),
    /// An image that holds a model's file cannot be used.
    #[error("{0}{remedy}", remedy = remedy::of_image(.0))]
    Image(#[from] OciError),
    /// A manifest leaves the model to its file, and that was not read.
    #[error(
        "{name}: {reason}. To go on without the file, set spec.model.quantization and either spec.model.preset or spec.model.architecture, or declare spec.placement.gpuMemory"
    )]
    Unread {
        /// The object.
        name: String,
        /// Why it was not read.
        reason: String,
    },
    /// A model's file does not say enough.
    #[error("{name} does not say {missing}; give {remedy} as well")]
    FileSilent {
        /// The file.
        name: String,
        /// What it lacks.
        missing: &'static str,
        /// The flag that says it.
        remedy: &'static str,
    },
    /// The need cannot be computed from a manifest.
    #[error("{name}: {error}")]
    Need {
        /// The object.
        name: String,
        /// Why.
        #[source]
        error: NeedError,
    },
    /// The need cannot be computed.
    #[error(transparent)]
    Sizing(#[from] SizingError),
    /// A preset that does not exist.
    #[error("{0}; kubectl flotilla presets lists all")]
    Preset(#[from] UnknownPreset),
    /// A GPU that does not exist.
    #[error("{0} kubectl flotilla gpus lists all")]
    Gpu(#[from] UnknownGpu),
    /// A name of a KV cache type that does not exist.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// An engine's version that is none.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// A quantization that does not exist, or not for this engine.
    #[error("quantization {given:?} is unknown to {engine}; did you mean {}?", nearest.join(", or "))]
    Quantization {
        /// The name that was given.
        given: String,
        /// The engine.
        engine: &'static str,
        /// The names that differ least from it.
        nearest: Vec<&'static str>,
    },
    /// The cluster could not be asked.
    #[error("the cluster cannot be asked: {0}")]
    Cluster(String),
    /// A value that nothing stands for.
    #[error("{0}")]
    Usage(String),
}
