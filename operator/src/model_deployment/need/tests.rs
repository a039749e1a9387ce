use super::*;
use crate::model_deployment::file::Failure;
use crate::model_file::{FileWeights, Format, Note};
use flotilla_crds::model_deployment::{
    ContextSpec, EngineSpec, KvCacheType, ModelSpec, PlacementSpec, Quantization,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::sync::Arc;

fn llama(preset: &str) -> ModelDeploymentSpec {
    ModelDeploymentSpec {
        model: ModelSpec {
            preset: Some(preset.to_owned()),
            quantization: Some(Quantization::Q4_K_M),
            ..ModelSpec::default()
        },
        engine: EngineSpec::default(),
        context: None,
        placement: None,
        replicas: 1,
        scaling: None,
        rollout: None,
    }
}

#[test]
fn every_quantization_and_kv_type_of_the_api_has_a_row_in_the_estimator() {
    use KvCacheType::{BF16, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
    for quantization in Quantization::ALL {
        assert!(quantization.as_str().parse::<sizing::Quantization>().is_ok(), "{quantization:?}");
    }
    for kv in [F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0] {
        assert!(format!("{kv:?}").parse::<sizing::KvCacheType>().is_ok(), "{kv:?}");
    }
}

#[test]
fn the_flags_match_the_estimate_and_headroom_is_added_once() {
    let mut spec = llama("llama-3.2-3b");
    spec.context =
        Some(ContextSpec { max_tokens: Some(8192), parallel_sequences: Some(2), kv_cache_type: None });
    let need = need(&spec, None).unwrap();
    assert_eq!(need.limits.unwrap().context_tokens, 16_384);
    let kv = estimate(&need).kv_cache.mib();
    assert_eq!(kv, 16_384 * 28 * 2 * 8 * 128 * 2 / 1_048_576, "KV bytes of 16384 tokens");
    assert_eq!(need.required_mib, need.total_mib + need.total_mib.div_ceil(20));
}

#[test]
fn a_declared_need_is_taken_as_it_is() {
    let mut spec = llama("llama-3.2-3b");
    spec.placement =
        Some(PlacementSpec { gpu_memory: Some(Quantity("14Gi".to_owned())), ..PlacementSpec::default() });
    let need = need(&spec, None).unwrap();
    assert_eq!((need.total_mib, need.required_mib), (14_336, 14_336));
}

#[test]
fn an_unknown_preset_names_its_neighbours() {
    let message = need(&llama("llama-3.2-3"), None).unwrap_err().to_string();
    assert!(message.contains("llama-3.2-3b"), "{message}");
}

#[test]
fn more_context_than_the_model_has_is_refused_with_its_window() {
    let mut spec = llama("phi-3-mini-4k");
    spec.context =
        Some(ContextSpec { max_tokens: Some(8192), parallel_sequences: None, kv_cache_type: None });
    assert!(need(&spec, None).unwrap_err().to_string().contains("4096"));
}

#[test]
fn alternatives_fit_with_their_headroom() {
    let mut spec = llama("qwen2.5-14b");
    spec.model.quantization = Some(Quantization::F16);
    let options = alternatives(&spec, &need(&spec, None).unwrap(), 24_564);
    assert!(!options.is_empty());
    assert!(options.iter().all(|option| option.per_gpu.mib() * 105 <= 24_564 * 100), "{options:?}");
}

fn estimate(need: &Need) -> &Estimate {
    need.estimate().unwrap()
}

fn file_of(preset: &str, quantization: &str, mib: u64) -> ModelFile {
    ModelFile {
        format: Format::Gguf,
        architecture_name: Some("llama".to_owned()),
        architecture: Some(sizing::preset(preset).unwrap().architecture.clone()),
        weights: Some(FileWeights { bytes: Bytes::from_mib(mib), host_bytes: Bytes::default(), exact: true }),
        quantization: Some(quantization.parse().unwrap()),
        notes: vec![Note::TiedByHabit { tied: true }],
    }
}

/// A spec that says nothing of its model.
fn bare() -> ModelDeploymentSpec {
    let mut spec = llama("");
    spec.model.preset = None;
    spec.model.quantization = None;
    spec
}

#[test]
fn a_file_says_all_that_the_spec_does_not() {
    let need = need(&bare(), Some(&file_of("llama-3.2-3b", "Q4_K_M", 1900))).unwrap();
    assert_eq!((need.basis, need.quantization.as_deref()), (MemoryBasis::File, Some("Q4_K_M")));
    assert_eq!(estimate(&need).weights.mib(), 1900, "the file's own size");
    assert_eq!(need.conflicts, []);
    let Figures::Computed { assumptions, .. } = &need.figures else { panic!("{need:?}") };
    assert_eq!(assumptions, &[Note::TiedByHabit { tied: true }.to_string()]);
    assert!(matches!(super::need(&bare(), None), Err(NeedError::Undescribed)));
}

#[test]
fn where_spec_and_file_disagree_the_file_counts_and_both_figures_are_told() {
    let mut spec = llama("llama-3.2-3b");
    let agreed = need(&spec, None).unwrap();
    let weights = estimate(&agreed).weights.mib();
    let same = need(&spec, Some(&file_of("llama-3.2-3b", "Q4_K_M", weights + weights / 100))).unwrap();
    assert_eq!(same.conflicts, [], "one percent is no conflict");

    let other = need(&spec, Some(&file_of("llama-3.1-8b", "Q8_0", 8100))).unwrap();
    let said: Vec<_> = other.conflicts.iter().map(ToString::to_string).collect();
    let said = said.join("; ");
    for piece in [
        "layers is 28; the file says 32",
        "quantization is Q4_K_M; the file says Q8_0",
        "the file has 8100 MiB",
    ] {
        assert!(said.contains(piece), "{piece:?} is not in {said}");
    }
    assert_eq!(estimate(&other).weights.mib(), 8100);
    assert_eq!(other.quantization.as_deref(), Some("Q8_0"));

    // A preset that does not exist is an error of its own, whatever the file says.
    spec.model.preset = Some("llama-3.2-3".to_owned());
    assert!(matches!(
        need(&spec, Some(&file_of("llama-3.2-3b", "Q4_K_M", 1900))),
        Err(NeedError::UnknownPreset(_))
    ));
}

#[test]
fn a_file_that_says_only_a_part_is_completed_from_the_spec() {
    let spec = llama("llama-3.2-3b");
    let partial = ModelFile { architecture: None, weights: None, ..file_of("llama-3.2-3b", "Q8_0", 1) };
    let need = need(&spec, Some(&partial)).unwrap();
    assert_eq!((need.basis, need.quantization.as_deref()), (MemoryBasis::Preset, Some("Q8_0")));
    assert!(matches!(super::need(&bare(), Some(&partial)), Err(NeedError::Undescribed)));
}

#[test]
fn hostile_figures_of_a_file_are_an_error_or_a_large_need_and_no_panic() {
    let mut shape = sizing::preset("llama-3.2-3b").unwrap().architecture.clone();
    shape.layers = 0;
    let zero = ModelFile { architecture: Some(shape), ..file_of("llama-3.2-3b", "Q8_0", 1) };
    assert!(matches!(need(&bare(), Some(&zero)), Err(NeedError::Sizing(_))));
    let _ = need(&bare(), Some(&file_of("llama-3.2-3b", "Q8_0", u64::MAX >> 20)));
}

#[test]
fn figures_are_remembered_for_the_same_fields_only() {
    let spec = bare();
    let memory = MemoryStatus {
        total: Quantity("1000Mi".to_owned()),
        required: Quantity("1050Mi".to_owned()),
        basis: Some(MemoryBasis::File),
        inputs: Some(inputs(&spec)),
        ..MemoryStatus::default()
    };
    let failure = Arc::new(Failure {
        reason: crate::conditions::Reason::RegistryUnreachable,
        message: String::new(),
        passing: true,
    });
    let recall = |spec: &ModelDeploymentSpec, memory: &MemoryStatus| {
        remembered(spec, memory, None, Some(failure.clone()))
    };
    let need = recall(&spec, &memory).unwrap();
    assert_eq!((need.total_mib, need.required_mib), (1000, 1050));
    assert_eq!(need.limits, super::need(&llama("llama-3.2-3b"), None).unwrap().limits);

    let mut scaled = spec.clone();
    scaled.replicas = 7;
    assert!(recall(&scaled, &memory).is_some(), "replicas do not change what one needs");
    let mut longer = spec.clone();
    longer.context =
        Some(ContextSpec { max_tokens: Some(8192), parallel_sequences: None, kv_cache_type: None });
    assert!(recall(&longer, &memory).is_none());
    assert!(recall(&spec, &MemoryStatus { basis: Some(MemoryBasis::Preset), ..memory.clone() }).is_none());
}
