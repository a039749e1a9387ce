//! Values of metadata.

use super::input::{Item, Stop};
use std::fmt;

/// A value that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any integer or truth value; what does not fit is the nearest that does.
    Integer(i64),
    /// A floating-point number. No dimension is one, so which is not kept.
    Float,
    /// A short text.
    Text(String),
    /// An array of integers or truth values, one per layer.
    Integers(Vec<i64>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float => f.write_str("a floating-point number"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integers(values) => write!(f, "an array of {}", values.len()),
        }
    }
}

/// The type of a value, as the file numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    Text,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    U64,
    I64,
    F64,
}

impl Kind {
    pub(super) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Scalar(Scalar::U8),
            1 => Self::Scalar(Scalar::I8),
            2 => Self::Scalar(Scalar::U16),
            3 => Self::Scalar(Scalar::I16),
            4 => Self::Scalar(Scalar::U32),
            5 => Self::Scalar(Scalar::I32),
            6 => Self::Scalar(Scalar::F32),
            7 => Self::Scalar(Scalar::Bool),
            8 => Self::Text,
            9 => Self::Array,
            10 => Self::Scalar(Scalar::U64),
            11 => Self::Scalar(Scalar::I64),
            12 => Self::Scalar(Scalar::F64),
            _ => return None,
        })
    }
}

impl Scalar {
    /// Bytes of one value.
    pub(super) const fn size(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    pub(super) fn read(self, item: &mut Item<'_>) -> Result<Value, Stop> {
        Ok(match self {
            Self::F32 | Self::F64 => {
                self.read_integer(item)?;
                Value::Float
            }
            integer => Value::Integer(integer.read_integer(item)?),
        })
    }

    /// An integer or truth value; of a floating-point number the bits.
    pub(super) fn read_integer(self, item: &mut Item<'_>) -> Result<i64, Stop> {
        Ok(match self {
            Self::U8 | Self::Bool => u8::from_le_bytes(item.array()?).into(),
            Self::I8 => i8::from_le_bytes(item.array()?).into(),
            Self::U16 => u16::from_le_bytes(item.array()?).into(),
            Self::I16 => i16::from_le_bytes(item.array()?).into(),
            Self::U32 | Self::F32 => item.u32()?.into(),
            Self::I32 => i32::from_le_bytes(item.array()?).into(),
            Self::U64 => i64::try_from(item.u64()?).unwrap_or(i64::MAX),
            Self::I64 | Self::F64 => i64::from_le_bytes(item.array()?),
        })
    }
}
