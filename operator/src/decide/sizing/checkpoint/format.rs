//! The formats of a checkpoint, and which tensors each converts.

use std::fmt;
use std::str::FromStr;

use super::exl::{self, Centibits, ExlBits};
use super::fp8::{self, Fp8Scales};
use super::grouped::{self, Beside, Groups};
use super::plain::{self, Float};
use super::{Part, Shape, fp4, int8, nf4};
use crate::decide::sizing::UnknownName;

/// How the tensors of a checkpoint (safetensors) are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// As floats, nothing quantized.
    Plain(Float),
    /// 8-bit floats.
    Fp8(Fp8Scales),
    /// 8-bit integers with a scale for each output.
    Int8,
    /// GPTQ.
    Gptq(Groups),
    /// AWQ.
    Awq(Groups),
    /// `compressed-tensors`, `pack-quantized`.
    Packed(Groups),
    /// `bitsandbytes`, 4 bits.
    Nf4 {
        /// Whether the scales are quantized too.
        double_quant: bool,
    },
    /// EXL2.
    Exl2(ExlBits),
    /// EXL3.
    Exl3(ExlBits),
    /// MXFP4: the experts alone (gpt-oss).
    Mxfp4,
    /// NVFP4.
    Nvfp4,
}

const GROUP: u32 = 128;

/// The names that a command line or a resource uses, each with its usual settings.
const NAMED: &[(&str, Format)] = &[
    ("BF16", Format::Plain(Float::Bf16)),
    ("F16", Format::Plain(Float::F16)),
    ("F32", Format::Plain(Float::F32)),
    ("FP8", Format::Fp8(Fp8Scales::PerTensor)),
    ("FP8-channel", Format::Fp8(Fp8Scales::PerChannel)),
    ("FP8-block", Format::Fp8(Fp8Scales::PerBlock)),
    ("INT8", Format::Int8),
    ("GPTQ-Int8", Format::Gptq(Groups::new(8, GROUP))),
    ("GPTQ-Int4", Format::Gptq(Groups::new(4, GROUP))),
    ("AWQ", Format::Awq(Groups::new(4, GROUP))),
    ("W4A16", Format::Packed(Groups::new(4, GROUP))),
    ("NF4", Format::Nf4 { double_quant: true }),
    ("MXFP4", Format::Mxfp4),
    ("NVFP4", Format::Nvfp4),
];

impl Format {
    /// The names that [`FromStr`] reads. EXL2 and EXL3 take their bits after a hyphen: `EXL2-4.25`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Bytes of each tensor that one matrix is stored as.
    pub(in crate::decide::sizing) fn stored(self, part: Part, shape: Shape) -> Vec<u64> {
        if !self.converts(part) {
            return plain::stored(self.activation_bytes(), shape);
        }
        match self {
            Self::Plain(float) => plain::stored(float.bytes(), shape),
            Self::Fp8(scales) => fp8::stored(scales, shape),
            Self::Int8 => int8::stored(shape),
            Self::Gptq(groups) => grouped::stored(groups, Beside::ZerosAndOrder, shape),
            Self::Awq(groups) => grouped::stored(groups, Beside::Zeros, shape),
            Self::Packed(groups) => grouped::stored(groups, Beside::OwnShape, shape),
            Self::Nf4 { double_quant } => nf4::stored(double_quant, shape),
            Self::Exl2(bits) => exl::exl2(bits_of(bits, part), shape),
            Self::Exl3(bits) => exl::exl3(bits_of(bits, part), shape),
            Self::Mxfp4 => fp4::mxfp4(shape),
            Self::Nvfp4 => fp4::nvfp4(shape),
        }
    }

    /// Whether a part of the model is in this format; what is not stays a 16-bit float.
    const fn converts(self, part: Part) -> bool {
        match (self, part) {
            (Self::Plain(_), _) | (Self::Exl2(_) | Self::Exl3(_), Part::Head) => true,
            (Self::Mxfp4, part) => matches!(part, Part::Expert),
            (_, part) => matches!(part, Part::Linear | Part::Expert),
        }
    }

    /// Bytes of one value of what is not converted, and of what a pass computes with.
    pub(crate) const fn activation_bytes(self) -> u64 {
        match self {
            Self::Plain(float) => float.bytes(),
            _ => Float::Bf16.bytes(),
        }
    }
}

const fn bits_of(bits: ExlBits, part: Part) -> Centibits {
    if matches!(part, Part::Head) { bits.head } else { bits.layers }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMED.iter().find(|(_, format)| format == self) {
            return f.pad(name);
        }
        let bits = |bits: &ExlBits| f64::from(bits.layers.get()) / 100.0;
        let text = match self {
            Self::Gptq(groups) => format!("GPTQ-Int{}-g{}", groups.bits, groups.size),
            Self::Awq(groups) => format!("AWQ-Int{}-g{}", groups.bits, groups.size),
            Self::Packed(groups) => format!("W{}A16-g{}", groups.bits, groups.size),
            Self::Nf4 { .. } => "NF4-single".to_owned(),
            Self::Exl2(exl) => format!("EXL2-{}", bits(exl)),
            Self::Exl3(exl) => format!("EXL3-{}", bits(exl)),
            Self::Plain(_) | Self::Fp8(_) | Self::Int8 | Self::Mxfp4 | Self::Nvfp4 => String::new(),
        };
        f.pad(&text)
    }
}

impl FromStr for Format {
    type Err = UnknownName;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let named =
            NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(given)).map(|(_, format)| *format);
        named.or_else(|| exl_named(given)).ok_or_else(|| {
            let names: Vec<_> = Self::names().chain(["EXL2-BITS", "EXL3-BITS"]).collect();
            UnknownName { kind: "checkpoint format", given: given.to_owned(), valid: names.join(", ") }
        })
    }
}

/// `EXL2-4.25`: the head at 6 bits, as their converters do it by default.
fn exl_named(given: &str) -> Option<Format> {
    let (kind, bits) = given.split_once('-')?;
    let layers = centibits(bits.parse().ok()?)?;
    let bits = ExlBits { layers, head: Centibits::new(600)? };
    match kind.to_ascii_uppercase().as_str() {
        "EXL2" => Some(Format::Exl2(bits)),
        "EXL3" => Some(Format::Exl3(bits)),
        _ => None,
    }
}

/// Bits as hundredths, rounded up; `None` outside of 0 to 32.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub(crate) fn centibits(bits: f64) -> Option<Centibits> {
    let hundredths = (bits * 100.0 - 1e-6).ceil();
    (0.0..=f64::from(Centibits::MAX)).contains(&hundredths).then(|| Centibits::new(hundredths as u32))?
}
