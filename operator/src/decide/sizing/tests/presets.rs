//! The catalogue against published figures.

use super::super::tensors::weights;
use super::super::{Quantization, preset, presets};
use super::{architecture, rows};
use std::collections::BTreeSet;

/// Every tensor as 32-bit floats, 4 bytes each, and the vision part.
fn parameters(name: &str) -> u64 {
    let architecture = architecture(name);
    let text = weights(&architecture, Quantization::F32.into(), true).unwrap().get() / 4;
    text + architecture.vision.map_or(0, |vision| vision.parameters)
}

#[test]
fn parameters_are_the_published() {
    let fixture = include_str!("fixtures/published_parameters.csv");
    let mut wrong = Vec::new();
    for row in rows(fixture) {
        let (ours, theirs) = (parameters(row[0]) as f64, row[1].parse::<f64>().unwrap());
        let error = ours / theirs - 1.0;
        if error.abs() > 0.0001 {
            wrong.push(format!("{}: {ours}, should be {theirs} ({:+.3} %)", row[0], 100.0 * error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_at_least_forty_with_names_of_their_own() {
    let names: BTreeSet<_> = presets().iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), presets().len());
    assert!(names.len() >= 40);
    assert!(presets().iter().all(|preset| preset.architecture.validate().is_ok()));
}

#[test]
fn names_for_one_shape_have_one_shape() {
    for (name, same) in [
        ("llama-3.3-70b", "llama-3.1-70b"),
        ("deepseek-r1-distill-llama-8b", "llama-3.1-8b"),
        ("deepseek-v3.1", "deepseek-v3"),
        ("deepseek-r1", "deepseek-v3"),
        ("phi-3.5-mini", "phi-3-mini-128k"),
    ] {
        assert_eq!(preset(name).unwrap().architecture, architecture(same), "{name}");
    }
}
