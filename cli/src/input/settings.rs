//! What the flags say, and how they override a source.

use super::adapters;
use super::behind::Behind;
use super::engine::{engine, for_checkpoint, stored, weights};
use crate::args::{EngineName, SizeArgs};
use crate::case::{Basis, Case, Subject};
use crate::error::CliError;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::PlacementSpec;
use flotilla_operator::decide::sizing::{self, Architecture, Bytes, Engine, KvCacheType, Weights};
use flotilla_operator::kube_ext::to_mib;
use flotilla_operator::model_deployment::need::{
    self, DEFAULT_HEADROOM_PERCENT, DEFAULT_MAX_TOKENS, DEFAULT_PARALLEL_SEQUENCES, NeedError,
};
use flotilla_operator::model_file::ModelFile;
use flotilla_operator::model_file::config_json::ConfigFacts;

/// The flags, read.
pub(super) struct Settings<'a> {
    args: &'a SizeArgs,
    kv: Option<KvCacheType>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(args: &'a SizeArgs) -> Result<Self, CliError> {
        let kv = args.kv_cache.as_deref().map(str::parse).transpose()?;
        Ok(Self { args, kv })
    }

    /// A model of the catalogue.
    pub(super) fn preset(&self, name: &str) -> Result<Subject, CliError> {
        let preset = sizing::preset(name)?;
        let Some(quantization) = &self.args.quantization else {
            let usage =
                "--preset knows the model's shape, not its file: add --quantization, for example Q4_K_M";
            return Err(CliError::Usage(usage.to_owned()));
        };
        let engine = engine(self.args, EngineName::LlamaCpp)?;
        let (weights, format) = weights(quantization, engine)?;
        self.settled(Case {
            name: preset.name.to_owned(),
            format,
            ..self.case(preset.architecture.clone(), weights, engine, Basis::Preset)
        })
    }

    /// An object that is to be applied, with the file behind it.
    pub(super) fn manifest(&self, object: &ModelDeployment, behind: Behind) -> Result<Subject, CliError> {
        let spec = &object.spec;
        let metadata = &object.metadata;
        let name = [metadata.namespace.as_deref(), metadata.name.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join("/");
        let Behind { file, unread } = behind;
        let computed = match (need::need(spec, file.as_ref()), &unread) {
            (Err(NeedError::Undescribed), Some(reason)) => {
                return Err(CliError::Unread { name, reason: reason.clone() });
            }
            (computed, _) => computed,
        };
        let failed = |error| CliError::Need { name: name.clone(), error };
        let computed = computed.map_err(failed)?;
        let placement = spec.placement.as_ref();
        let declared = placement.and_then(|placement| placement.gpu_memory.as_ref());
        let declared = declared.and_then(|quantity| to_mib(quantity).ok()).map(Bytes::from_mib);
        let default_headroom = if declared.is_some() { 0 } else { DEFAULT_HEADROOM_PERCENT };
        let headroom_percent = self.args.headroom.or_else(|| headroom(placement)).unwrap_or(default_headroom);
        let Some(model) = need::model(spec, file.as_ref()).map_err(failed)? else {
            let per_gpu = Bytes::from_mib(computed.per_gpu_mib);
            return Ok(Subject::Declared { name, per_gpu, headroom_percent });
        };
        let request = need::request(spec, &model).map_err(failed)?;
        let engine = match self.args.engine {
            Some(_) => engine(self.args, EngineName::LlamaCpp)?,
            None => request.engine,
        };
        let (weights, format) = match &self.args.quantization {
            Some(quantization) => weights(quantization, engine)?,
            None => (request.weights, computed.quantization.unwrap_or_else(|| stored(request.weights))),
        };
        let (context_tokens, parallel_sequences, kv, gpus) =
            (request.context_tokens, request.parallel_sequences, request.kv, request.gpus);
        let shown = spec.model.preset.as_ref().map_or_else(String::new, |preset| format!(" ({preset})"));
        let unread = unread.map(|reason| {
            format!("{reason}; the figures are those of the spec, and the file may be another")
        });
        let conflicts =
            computed.conflicts.iter().map(|conflict| format!("{conflict}; the file's figures are used"));
        self.settled(Case {
            name: format!("{name}{shown}"),
            format,
            context_tokens: self.args.context.unwrap_or(context_tokens),
            parallel_sequences: self.args.sequences.unwrap_or(parallel_sequences),
            kv: self.kv.unwrap_or(kv),
            gpus: self.args.gpus.unwrap_or(gpus),
            declared,
            headroom_percent,
            warnings: unread.into_iter().chain(conflicts).collect(),
            notes: file.iter().flat_map(|file| file.notes.iter().map(ToString::to_string)).collect(),
            ..self.case(request.architecture.clone(), weights, engine, computed.basis.into())
        })
    }

    /// A checkpoint's config.json.
    pub(super) fn config(&self, path: &str, facts: ConfigFacts) -> Result<Subject, CliError> {
        let engine = engine(self.args, for_checkpoint(self.args))?;
        let (weights, format) = match (&self.args.quantization, engine) {
            (Some(quantization), _) => weights(quantization, engine)?,
            (None, Engine::LlamaCpp(_)) => {
                let usage = "llama.cpp loads GGUF files: say which with --quantization, for example Q4_K_M";
                return Err(CliError::Usage(usage.to_owned()));
            }
            (None, _) => (facts.format.into(), facts.format.to_string()),
        };
        self.settled(Case {
            name: path.to_owned(),
            format,
            notes: facts.notes.iter().map(ToString::to_string).collect(),
            ..self.case(facts.architecture, weights, engine, Basis::Config)
        })
    }

    /// A model's own file. Its name is the last part of `path`.
    pub(super) fn model_file(&self, path: &str, file: ModelFile) -> Result<Subject, CliError> {
        let name = path.rsplit('/').next().and_then(|last| last.split('?').next()).unwrap_or(path).to_owned();
        let silent = |missing, remedy| CliError::FileSilent { name: name.clone(), missing, remedy };
        let Some(architecture) = file.architecture else {
            return Err(silent(
                "what shape its model has",
                "--preset with --quantization, instead of the file",
            ));
        };
        let engine = engine(self.args, EngineName::LlamaCpp)?;
        let (weights, format) = match (&self.args.quantization, file.weights) {
            (Some(quantization), _) => weights(quantization, engine)?,
            (None, Some(weights)) => {
                let format = file.quantization.map(|quantization| quantization.to_string());
                (weights.into(), format.unwrap_or_else(|| stored(weights.into())))
            }
            (None, None) => return Err(silent("how large its weights are", "--quantization")),
        };
        self.settled(Case {
            name,
            format,
            notes: file.notes.iter().map(ToString::to_string).collect(),
            ..self.case(architecture, weights, engine, Basis::File)
        })
    }

    /// A case of these settings, with defaults where there are none.
    fn case(&self, architecture: Architecture, weights: Weights, engine: Engine, basis: Basis) -> Case {
        Case {
            name: String::new(),
            format: String::new(),
            architecture,
            weights,
            context_tokens: self.args.context.unwrap_or(DEFAULT_MAX_TOKENS),
            parallel_sequences: self.args.sequences.unwrap_or(DEFAULT_PARALLEL_SEQUENCES),
            kv: self.kv.unwrap_or(KvCacheType::F16),
            engine,
            gpus: self.args.gpus.unwrap_or(1),
            adapters: adapters::adapters(self.args),
            declared: None,
            headroom_percent: self.args.headroom.unwrap_or(DEFAULT_HEADROOM_PERCENT),
            basis,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Refuses more context than the model has; a default that is too long is cut.
    fn settled(&self, mut case: Case) -> Result<Subject, CliError> {
        adapters::check(self.args, case.engine)?;
        let (asked, window) = (case.context_tokens, case.architecture.context_window);
        if asked > window && self.args.context.is_some() {
            return Err(CliError::Usage(format!(
                "--context {asked} is more than the model's context window of {window} tokens: lower it"
            )));
        }
        case.context_tokens = asked.min(window);
        Ok(Subject::Model(Box::new(case)))
    }
}

fn headroom(placement: Option<&PlacementSpec>) -> Option<u64> {
    placement?.headroom.as_deref()?.trim_end_matches('%').parse().ok()
}
