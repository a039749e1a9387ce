//! Checkpoints against published files, and against what formats are known to store.

use super::super::checkpoint::{Format, Groups, weights};
use super::super::{Architecture, Attention, Bytes, FeedForward, SizingError, estimate};
use super::super::{Request, preset};
use super::{architecture, rows};
use crate::model_file::config_json::tests::fixture;

fn bytes(name: &str, format: &str) -> f64 {
    weights(&architecture(name), format.parse().unwrap()).unwrap().get() as f64
}

/// The sum of all tensors of published files, to the byte where a model has no vision part or stored masks.
#[test]
fn published_files_are_as_large_as_we_say() {
    for row in rows(include_str!("fixtures/safetensors_sizes.csv")) {
        let facts = fixture(row[0]);
        let ours = weights(&facts.architecture, facts.format).unwrap().get() as f64;
        let error = ours / row[1].parse::<f64>().unwrap() - 1.0;
        assert!(error.abs() < 0.002, "{}: {ours} ({:+.3} %)", row[0], 100.0 * error);
    }
}

#[test]
fn plain_files_to_the_byte() {
    for (name, total) in [("llama-3.1-8b", 16_060_522_496), ("qwen2.5-7b", 15_231_233_024)] {
        assert_eq!(weights(&architecture(name), "BF16".parse().unwrap()), Ok(Bytes::new(total)));
    }
}

/// Bytes of each format for a model's layers, per weight: what is stored beside the values is not forgotten.
#[test]
fn bits_of_a_weight() {
    // Hardly anything but the projections of the layers.
    let model = Architecture { vocab: 1, ..architecture("llama-3.1-8b") };
    let weight_count = weights(&model, "F16".parse().unwrap()).unwrap().get() as f64 / 2.0;
    let expected = [
        ("F32", 32.0),
        ("BF16", 16.0),
        ("FP8", 8.0),
        ("FP8-channel", 8.0),
        ("FP8-block", 8.0 + 32.0 / 16384.0),
        ("INT8", 8.0),
        ("GPTQ-Int8", 8.0 + 16.0 / 128.0 + 8.0 / 128.0),
        ("GPTQ-Int4", 4.0 + 16.0 / 128.0 + 4.0 / 128.0),
        ("AWQ", 4.0 + 16.0 / 128.0 + 4.0 / 128.0),
        ("W4A16", 4.0 + 16.0 / 128.0),
        ("NF4", 4.0 + 8.0 / 64.0 + 32.0 / 16384.0),
        ("NVFP4", 4.0 + 8.0 / 16.0),
        ("EXL2-4.25", 4.25),
        ("EXL3-3", 3.0),
    ];
    for (name, bits) in expected {
        let ours = 8.0 * weights(&model, name.parse().unwrap()).unwrap().get() as f64 / weight_count;
        assert!((ours / bits - 1.0).abs() < 0.003, "{name}: {ours:.3} bits, should be {bits:.3}");
    }
}

#[test]
fn smaller_groups_cost_more() {
    let model = architecture("llama-3.1-8b");
    let of = |size| weights(&model, Format::Gptq(Groups::new(4, size))).unwrap();
    assert!(of(32) > of(64) && of(64) > of(128) && of(128) > of(0));
}

/// Embedding and output projection stay as they are: half of a 0.5B model.
#[test]
fn the_vocabulary_is_not_quantized() {
    let vocabulary = 2.0 * 151_936.0 * 896.0;
    assert!(
        bytes("qwen2.5-0.5b", "AWQ") > vocabulary + 0.5 * (bytes("qwen2.5-0.5b", "BF16") - vocabulary) / 2.0
    );
    let head = bytes("llama-3.1-8b", "AWQ") - bytes("llama-3.1-8b", "EXL2-4.16");
    assert!(head > 0.9 * 128_256.0 * 4096.0, "EXL2 quantizes the output projection: {head}");
}

#[test]
fn a_name_is_what_it_prints_and_unknown_ones_list_all() {
    for name in Format::names().chain(["EXL2-4.25", "EXL3-3"]) {
        let format: Format = name.to_lowercase().parse().unwrap();
        assert_eq!(format.to_string(), name);
    }
    let message = "Q4_K_M".parse::<Format>().unwrap_err().to_string();
    assert!(
        message.starts_with("checkpoint format \"Q4_K_M\" is unknown; use one of BF16, F16"),
        "{message}"
    );
    for name in ["EXL2-0", "EXL2-33", "EXL2--1", "EXL2-NaN", "EXL4-3"] {
        assert!(name.parse::<Format>().is_err(), "{name}");
    }
}

#[test]
fn llama_cpp_says_that_it_loads_none() {
    let model = &preset("llama-3.2-1b").unwrap().architecture;
    let format: Format = "AWQ".parse().unwrap();
    let error = estimate(&Request::new(model, format, 4096)).unwrap_err();
    assert_eq!(error, SizingError::CheckpointInLlamaCpp { format });
}

#[test]
fn absurd_dimensions_are_refused_or_overflow() {
    let absurd = Architecture {
        layers: 4096,
        hidden: 1 << 24,
        vocab: 1 << 24,
        attention: Attention::Grouped { heads: 1 << 24, kv_heads: 1 << 24, head_dim: 1 << 24 },
        feed_forward: FeedForward::dense(1 << 24),
        ..architecture("llama-3.1-8b")
    };
    for name in Format::names() {
        assert!(weights(&absurd, name.parse().unwrap()).is_err(), "{name}");
    }
}
