//! `quantization_config` and data types.

use super::super::{ConfigError, Note, parse};
use super::{fixture, text};
use crate::decide::sizing::checkpoint::{Float, Format, Fp8Scales, Groups};

/// A plain config with something else where its data type stands.
fn with(extra: &str) -> Result<super::ConfigFacts, ConfigError> {
    let plain = text("Llama-3.1-8B-Instruct");
    parse(plain.replace(r#""torch_dtype":"bfloat16""#, extra).as_bytes())
}

fn format(quantization: &str) -> Format {
    with(&format!(r#""quantization_config":{quantization}"#)).unwrap().format
}

#[test]
fn published() {
    let expected = [
        ("Qwen2.5-7B-Instruct-AWQ", Format::Awq(Groups::new(4, 128))),
        ("Qwen2.5-0.5B-Instruct-GPTQ-Int8", Format::Gptq(Groups::new(8, 128))),
        ("DeepSeek-V3", Format::Fp8(Fp8Scales::PerBlock)),
        ("Llama-3.3-70B-Instruct-FP8-dynamic", Format::Fp8(Fp8Scales::PerChannel)),
        ("Meta-Llama-3.1-8B-bnb-4bit", Format::Nf4 { double_quant: true }),
        ("gpt-oss-20b", Format::Mxfp4),
    ];
    for (name, format) in expected {
        assert_eq!(fixture(name).format, format, "{name}");
    }
}

#[test]
fn other_writers() {
    assert_eq!(
        format(r#"{"quant_method":"gptq","bits":4,"group_size":-1}"#),
        Format::Gptq(Groups::new(4, 0))
    );
    assert_eq!(
        format(r#"{"quant_method":"awq","w_bit":4,"q_group_size":64}"#),
        Format::Awq(Groups::new(4, 64))
    );
    assert_eq!(format(r#"{"load_in_4bit":true}"#), Format::Nf4 { double_quant: false });
    assert_eq!(format(r#"{"quant_method":"bitsandbytes","load_in_8bit":true}"#), Format::Int8);
    assert_eq!(
        format(r#"{"quant_method":"modelopt","quant_algo":"FP8"}"#),
        Format::Fp8(Fp8Scales::PerTensor)
    );
    let packed = r#"{"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":
        {"group_0":{"weights":{"num_bits":4,"type":"int","strategy":"group","group_size":128}}}}"#;
    assert_eq!(format(packed), Format::Packed(Groups::new(4, 128)));
    assert_eq!(format(r#"{"quant_method":"exl2","bits":4.25,"head_bits":6}"#).to_string(), "EXL2-4.25");
    assert_eq!(format(r#"{"quant_method":"exl3","bits":3}"#).to_string(), "EXL3-3");
}

#[test]
fn data_types() {
    let float = |extra: &str| with(extra).unwrap().format;
    assert_eq!(float(r#""torch_dtype":"float32""#), Format::Plain(Float::F32));
    assert_eq!(float(r#""dtype":"torch.float16""#), Format::Plain(Float::F16));
    let facts = with(r#""torch_dtype":null"#).unwrap();
    assert_eq!((facts.format, facts.notes), (Format::Plain(Float::Bf16), vec![Note::AssumedBf16]));
}

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    let refused = |quantization: &str| {
        with(&format!(r#""quantization_config":{quantization}"#)).unwrap_err().to_string()
    };
    let message = refused(r#"{"quant_method":"magic"}"#);
    assert!(message.contains(r#"quant_method "magic" is not known; known are gptq, awq"#), "{message}");
    assert!(refused(r#"{"quant_method":"gptq","bits":5}"#).contains(r#"bits "5""#));
    assert!(refused(r#"{"quant_method":"exl2","bits":-4}"#).contains("number of bits between 0 and 32"));
    assert!(refused("{}").contains("quantization_config.quant_method"));
}

#[test]
fn rules_for_single_modules_are_noted() {
    let facts =
        with(r#""quantization_config":{"quant_method":"gptq","bits":4,"dynamic":{"+:.*down.*":{"bits":8}}}"#);
    assert_eq!(facts.unwrap().notes, [Note::DynamicQuantization]);
}
