//! Reading a model's file, whatever its format.

use super::detect::Start;
use super::gguf::{self, GgufError, Progress};
use super::read::{Reach, ReadAt, ReadError};
use super::safetensors::{self, SafetensorsError};
use super::{ModelFile, ModelFileError};
use bytes::Bytes;
use flotilla_model_source::{MAX_SHARDS, ShardName};

/// The first request, which for most models is the only one.
const FIRST: usize = 64 << 10;
/// Later ones.
const NEXT: usize = 256 << 10;
/// From a file of this machine.
const NEXT_NEAR: usize = 4 << 20;
/// The most that is read of a file of which only the dimensions are wanted.
const MAX_FOR_DIMENSIONS: u64 = 16 << 20;
/// Indices have a few MB.
const MAX_INDEX: u64 = 1 << 25;

impl ModelFile {
    /// Learns what `file` says, from as little of it as [`ReadAt::reach`] wants.
    pub async fn read(file: &dyn ReadAt) -> Result<Self, ModelFileError> {
        let first = file.read_at(0, FIRST).await?;
        let size = file.size().await?;
        let name = || file.name().to_owned();
        match Start::of(&first) {
            Start::Gguf => {
                let shard = ShardName::of(file.name()).filter(|shard| shard.count > 1);
                if let Some(shard) = shard.filter(|shard| shard.number != 1) {
                    let error = GgufError::NotFirst { first: shard.other(1) };
                    return Err(ModelFileError::Gguf { name: name(), error });
                }
                let head = gguf_head(file, first, size, file.reach()).await?;
                let others = match &shard {
                    Some(shard) => other_tensors(file, shard).await?,
                    None => None,
                };
                Self::from_shards(&head, file.name(), size, others.as_ref())
                    .map_err(|error| ModelFileError::Gguf { name: name(), error })
            }
            Start::Safetensors => {
                let header = safetensors_header(file, first, size).await?;
                header
                    .map(Self::from_safetensors)
                    .map_err(|error| ModelFileError::Safetensors { name: name(), error })
            }
            Start::Index => {
                let json = rest_of(file, first, size, MAX_INDEX).await?;
                let index = safetensors::Index::parse(&json);
                index
                    .map(|index| Self::from_index(&index))
                    .map_err(|error| ModelFileError::Safetensors { name: name(), error })
            }
            Start::Other(found) => Err(ModelFileError::Format { name: name(), found }),
        }
    }
}

/// Feeds a parser from where it wants bytes until it has enough.
async fn gguf_head(
    file: &dyn ReadAt,
    first: Bytes,
    size: u64,
    reach: Reach,
) -> Result<gguf::Head, ModelFileError> {
    let failed = |error| ModelFileError::Gguf { name: file.name().to_owned(), error };
    let (next, limit) = match file.reach() {
        Reach::Dimensions => (NEXT, MAX_FOR_DIMENSIONS),
        Reach::Tensors => (NEXT_NEAR, u64::MAX),
    };
    let mut parser = gguf::Parser::new(reach);
    let mut progress = parser.feed(&first).map_err(failed)?;
    let mut taken = first.len() as u64;
    while let Progress::More { at } = progress {
        if at >= size {
            break;
        }
        if taken > limit {
            return Err(ReadError::TooLarge { name: file.name().to_owned(), limit }.into());
        }
        let bytes = file.read_at(at, next).await?;
        if bytes.is_empty() {
            return Err(ReadError::Truncated { name: file.name().to_owned(), at, wanted: size }.into());
        }
        taken = taken.saturating_add(bytes.len() as u64);
        progress = parser.feed(&bytes).map_err(failed)?;
    }
    parser.finish(size).map_err(failed)
}

/// The tensors of a model's other files, whose lists have no vocabulary before them; none where they cannot be
/// reached. A file that is missing is an error: no engine would load the model.
async fn other_tensors(
    file: &dyn ReadAt,
    shard: &ShardName<'_>,
) -> Result<Option<gguf::Tensors>, ModelFileError> {
    if shard.count > MAX_SHARDS {
        let error = GgufError::TooManyFiles { found: shard.count, limit: MAX_SHARDS };
        return Err(ModelFileError::Gguf { name: file.name().to_owned(), error });
    }
    let mut all = gguf::Tensors { tied_embeddings: true, ..gguf::Tensors::default() };
    for number in 2..=shard.count {
        let Some(other) = file.sibling(&shard.other(number)).await? else { return Ok(None) };
        let failed = |error| ModelFileError::Gguf { name: other.name().to_owned(), error };
        let first = other.read_at(0, FIRST).await?;
        let size = other.size().await?;
        if Start::of(&first) != Start::Gguf {
            let error = ReadError::Answer {
                name: other.name().to_owned(),
                reason: "it is no GGUF file, as the first one is".to_owned(),
            };
            return Err(error.into());
        }
        let head = gguf_head(&*other, first, size, Reach::Tensors).await?;
        let tensors = head.tensors.unwrap_or_default();
        if tensors.end > size {
            return Err(failed(GgufError::Truncated { size, wanted: tensors.end }));
        }
        all.join(&tensors);
    }
    Ok(Some(all))
}

async fn safetensors_header(
    file: &dyn ReadAt,
    first: Bytes,
    size: u64,
) -> Result<Result<safetensors::Header, SafetensorsError>, ReadError> {
    let Some(length) = first.first_chunk() else {
        return Ok(Err(SafetensorsError::Truncated { size, wanted: safetensors::LENGTH_BYTES }));
    };
    let length = match safetensors::header_length(*length) {
        Ok(length) => length,
        Err(error) => return Ok(Err(error)),
    };
    let wanted = safetensors::LENGTH_BYTES + length;
    if wanted > size {
        return Ok(Err(SafetensorsError::Truncated { size, wanted }));
    }
    let bytes = rest_of(file, first, wanted, wanted).await?;
    let header = bytes.get(8..usize::try_from(wanted).unwrap_or(usize::MAX)).unwrap_or_default();
    Ok(safetensors::Header::parse(header, size))
}

/// The bytes up to `end`, of which `first` are there already.
async fn rest_of(file: &dyn ReadAt, first: Bytes, end: u64, limit: u64) -> Result<Bytes, ReadError> {
    if end > limit {
        return Err(ReadError::TooLarge { name: file.name().to_owned(), limit });
    }
    let mut bytes = Vec::from(first);
    while (bytes.len() as u64) < end {
        let at = bytes.len() as u64;
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(NEXT_NEAR);
        let more = file.read_at(at, length).await?;
        if more.is_empty() {
            return Err(ReadError::Truncated { name: file.name().to_owned(), at, wanted: end });
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes.into())
}
