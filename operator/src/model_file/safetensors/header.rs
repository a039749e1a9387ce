//! The header of one file.

use super::{SafetensorsError, dtype};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Bytes of the length that a file starts with.
pub const LENGTH_BYTES: u64 = 8;
/// The format allows 100 MB; the largest models have a few MB per file.
const MAX_HEADER: u64 = 1 << 25;
/// A key that is no tensor.
const METADATA: &str = "__metadata__";
/// Tensors of models have up to 5 dimensions.
const MAX_DIMENSIONS: usize = 16;

/// What the tensors of one file add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tensors.
    pub tensors: u64,
    /// Values in all tensors.
    pub parameters: u64,
    /// Bytes of all tensors.
    pub bytes: u64,
}

/// The length of the header of a file that starts with `start`.
pub fn header_length(start: [u8; 8]) -> Result<u64, SafetensorsError> {
    let length = u64::from_le_bytes(start);
    if (2..=MAX_HEADER).contains(&length) {
        Ok(length)
    } else {
        Err(SafetensorsError::HeaderLength { length, limit: MAX_HEADER })
    }
}

impl Header {
    /// Adds up the tensors in `json`, the header of a file of `size` bytes.
    ///
    /// Tensors have to fill the data without hole or overlap, so that no byte counts twice.
    pub fn parse(json: &[u8], size: u64) -> Result<Self, SafetensorsError> {
        let Sums { mut places, parameters, failure } = serde_json::from_slice(json)
            .map_err(|error| SafetensorsError::Json { reason: error.to_string() })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        places.sort_unstable();
        let mut bytes = 0;
        for (start, end) in &places {
            if *start != bytes {
                return Err(SafetensorsError::Layout { at: (*start).min(bytes) });
            }
            bytes = *end;
        }
        if bytes == 0 {
            return Err(SafetensorsError::Empty);
        }
        let wanted = bytes.saturating_add(LENGTH_BYTES).saturating_add(json.len() as u64);
        if wanted != size {
            return Err(SafetensorsError::Length { size, wanted });
        }
        Ok(Self { tensors: places.len() as u64, parameters, bytes })
    }
}

/// One tensor as the header has it.
#[derive(Deserialize)]
struct Tensor<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// The product of the dimensions; `None` if it leaves 64 bits.
struct Shape(Option<u64>);

/// Places of tensors, and the first thing that is wrong with one.
#[derive(Default)]
struct Sums {
    places: Vec<(u64, u64)>,
    parameters: u64,
    failure: Option<SafetensorsError>,
}

impl Sums {
    fn add(&mut self, name: &str, tensor: &Tensor<'_>) -> Result<(), SafetensorsError> {
        let bits = dtype::bits(&tensor.dtype).ok_or_else(|| SafetensorsError::Dtype {
            tensor: name.to_owned(),
            found: tensor.dtype.clone().into_owned(),
        })?;
        let (start, end) = tensor.data_offsets;
        let size = end.checked_sub(start);
        let filled = tensor.shape.0.and_then(|values| values.checked_mul(bits));
        let filled = filled.filter(|bits| bits.is_multiple_of(8)).map(|bits| bits / 8);
        if filled.is_none() || filled != size {
            return Err(SafetensorsError::Size { tensor: name.to_owned(), start, end });
        }
        self.places.push((start, end));
        self.parameters = self.parameters.saturating_add(tensor.shape.0.unwrap_or(0));
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Sums {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Sums;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sums, A::Error> {
                let mut sums = Sums::default();
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let tensor = map.next_value()?;
                    let added = sums.add(&name, &tensor);
                    if let Err(failure) = added {
                        sums.failure.get_or_insert(failure);
                    }
                    if names.contains(&name) {
                        sums.failure.get_or_insert(SafetensorsError::Duplicate { tensor: name.into_owned() });
                    } else {
                        names.insert(name);
                    }
                }
                Ok(sums)
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dimensions;
        impl<'de> Visitor<'de> for Dimensions {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an array of at most {MAX_DIMENSIONS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let (mut product, mut count) = (Some(1_u64), 0);
                while let Some(dimension) = seq.next_element()? {
                    count += 1;
                    if count > MAX_DIMENSIONS {
                        return Err(A::Error::invalid_length(count, &self));
                    }
                    product = product.and_then(|product| product.checked_mul(dimension));
                }
                Ok(Shape(product))
            }
        }
        deserializer.deserialize_seq(Dimensions)
    }
}
