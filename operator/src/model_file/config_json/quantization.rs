//! `quantization_config` and the data type.

use super::fields::Fields;
use super::{ConfigError, Note};
use crate::decide::sizing::checkpoint::{ExlBits, Float, Format, Fp8Scales, Groups, centibits};

/// Inputs that share a scale where a config does not say.
const USUAL_GROUP: u32 = 128;

/// One method of quantization, and how its fields are read.
type Reader = fn(Fields<'_>) -> Result<Format, ConfigError>;

/// The methods: one line each.
const METHODS: &[(&str, Reader)] = &[
    ("gptq", |fields| Ok(Format::Gptq(groups(fields)?))),
    ("awq", |fields| Ok(Format::Awq(groups(fields)?))),
    ("fp8", fp8),
    ("fbgemm_fp8", |_| Ok(Format::Fp8(Fp8Scales::PerChannel))),
    ("bitsandbytes", bitsandbytes),
    ("compressed-tensors", compressed_tensors),
    ("modelopt", modelopt),
    ("mxfp4", |_| Ok(Format::Mxfp4)),
    ("exl2", |fields| Ok(Format::Exl2(exl(fields)?))),
    ("exl3", |fields| Ok(Format::Exl3(exl(fields)?))),
];
const KNOWN: &str =
    "gptq, awq, fp8, fbgemm_fp8, bitsandbytes, compressed-tensors, modelopt, mxfp4, exl2, exl3";

/// The format of the checkpoint.
pub(super) fn format(
    top: Fields<'_>,
    text: Fields<'_>,
    notes: &mut Vec<Note>,
) -> Result<Format, ConfigError> {
    let fields = match top.object("quantization_config")? {
        Some(fields) => fields,
        None => match text.object("quantization_config")? {
            Some(fields) => fields,
            None => return float(top, text, notes).map(Format::Plain),
        },
    };
    if fields.object("dynamic")?.is_some_and(|rules| rules.objects().next().is_some()) {
        notes.push(Note::DynamicQuantization);
    }
    let method = match fields.text("quant_method")? {
        Some(method) => method,
        None if fields.value("load_in_4bit").is_some() => "bitsandbytes",
        None => return Err(ConfigError::Missing { field: "quantization_config.quant_method" }),
    };
    let reader = METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method));
    reader.map_or_else(|| Err(unknown("quant_method", method, KNOWN)), |(_, reader)| reader(fields))
}

/// `torch_dtype`, which newer configs call `dtype`.
fn float(top: Fields<'_>, text: Fields<'_>, notes: &mut Vec<Note>) -> Result<Float, ConfigError> {
    let mut given = None;
    for fields in [top, text] {
        for name in ["torch_dtype", "dtype"] {
            given = given.or(fields.text(name)?);
        }
    }
    match given.map(|name| name.trim_start_matches("torch.")) {
        Some("bfloat16") => Ok(Float::Bf16),
        Some("float16" | "half") => Ok(Float::F16),
        Some("float32" | "float") => Ok(Float::F32),
        Some(other) => Err(unknown("dtype", other, "bfloat16, float16, float32")),
        None => {
            notes.push(Note::AssumedBf16);
            Ok(Float::Bf16)
        }
    }
}

fn unknown(what: &'static str, given: &str, known: &'static str) -> ConfigError {
    ConfigError::Quantization { what, given: given.chars().take(40).collect(), known }
}

fn groups(fields: Fields<'_>) -> Result<Groups, ConfigError> {
    let bits = match fields.first_number(&["bits", "w_bit"])? {
        Some(bits @ (2 | 3 | 4 | 8)) => bits,
        Some(other) => return Err(unknown("bits", &other.to_string(), "2, 3, 4, 8")),
        None => return Err(ConfigError::Missing { field: "quantization_config.bits" }),
    };
    Ok(Groups::new(bits, group_size(fields)?))
}

/// −1 stands for all inputs.
fn group_size(fields: Fields<'_>) -> Result<u32, ConfigError> {
    if fields.value("group_size").and_then(serde_json::Value::as_i64) == Some(-1) {
        return Ok(0);
    }
    Ok(fields.first_number(&["group_size", "q_group_size"])?.unwrap_or(USUAL_GROUP))
}

fn fp8(fields: Fields<'_>) -> Result<Format, ConfigError> {
    let blocks = fields.list("weight_block_size")?.is_some();
    Ok(Format::Fp8(if blocks { Fp8Scales::PerBlock } else { Fp8Scales::PerTensor }))
}

fn bitsandbytes(fields: Fields<'_>) -> Result<Format, ConfigError> {
    if fields.flag("load_in_8bit")? == Some(true) {
        return Ok(Format::Int8);
    }
    Ok(Format::Nf4 { double_quant: fields.flag("bnb_4bit_use_double_quant")? == Some(true) })
}

fn modelopt(fields: Fields<'_>) -> Result<Format, ConfigError> {
    match fields.text("quant_algo")? {
        Some(name) if name.eq_ignore_ascii_case("FP8") => Ok(Format::Fp8(Fp8Scales::PerTensor)),
        Some(name) if name.eq_ignore_ascii_case("NVFP4") => Ok(Format::Nvfp4),
        other => Err(unknown("quant_algo", other.unwrap_or("(none)"), "FP8, NVFP4")),
    }
}

/// The first group of modules decides: published checkpoints have one.
fn compressed_tensors(fields: Fields<'_>) -> Result<Format, ConfigError> {
    let missing = ConfigError::Missing { field: "quantization_config.config_groups" };
    let group = fields.object("config_groups")?.and_then(|groups| groups.objects().next()).ok_or(missing)?;
    let missing = ConfigError::Missing { field: "quantization_config.config_groups.weights" };
    let weights = group.object("weights")?.ok_or(missing)?;
    let bits = weights.count("num_bits")?;
    let strategy = weights.text("strategy")?.unwrap_or("tensor");
    match (weights.text("type")?.unwrap_or("int"), bits, strategy) {
        ("float", 8, "tensor") => Ok(Format::Fp8(Fp8Scales::PerTensor)),
        ("float", 8, "channel") => Ok(Format::Fp8(Fp8Scales::PerChannel)),
        ("float", 8, "block") => Ok(Format::Fp8(Fp8Scales::PerBlock)),
        ("float", 4, _) => Ok(Format::Nvfp4),
        ("int", 8, "channel" | "tensor") if fields.text("format")? != Some("pack-quantized") => {
            Ok(Format::Int8)
        }
        ("int", 2 | 3 | 4 | 8, "group") => Ok(Format::Packed(Groups::new(bits, group_size(weights)?))),
        ("int", 2 | 3 | 4 | 8, "channel" | "tensor") => Ok(Format::Packed(Groups::new(bits, 0))),
        (kind, bits, strategy) => Err(unknown(
            "config_groups",
            &format!("{bits}-bit {kind} by {strategy}"),
            "8-bit or 4-bit float, 2 to 8-bit int",
        )),
    }
}

fn exl(fields: Fields<'_>) -> Result<ExlBits, ConfigError> {
    let bits = |name: &'static str, field: &'static str| match fields.value(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .and_then(centibits)
            .map(Some)
            .ok_or(ConfigError::Kind { field, wanted: "a number of bits between 0 and 32" }),
    };
    let layers = bits("bits", "quantization_config.bits")?;
    let layers = layers.ok_or(ConfigError::Missing { field: "quantization_config.bits" })?;
    let head = bits("head_bits", "quantization_config.head_bits")?.or_else(|| centibits(6.0));
    Ok(ExlBits { layers, head: head.unwrap_or(layers) })
}
