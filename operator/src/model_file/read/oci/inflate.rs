//! The beginning of a compressed layer, from the beginning of its blob.

use super::error::OciError;
use super::manifest::Compression;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use std::io::{self, ErrorKind, Read};

/// The window of a zstd frame; `zstd --ultra -22` asks for 128 MiB, which no layer's head is worth.
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;

/// Decompresses as much of `blob`, a prefix, as is there, up to `limit` bytes.
pub(super) fn inflate(compression: Compression, blob: &[u8], limit: usize) -> Result<Vec<u8>, OciError> {
    let mut plain = Vec::new();
    let outcome = match compression {
        Compression::None => take(blob, limit, &mut plain),
        Compression::Gzip => take(MultiGzDecoder::new(blob), limit, &mut plain),
        Compression::Zstd => unpack_frames(blob, limit, &mut plain),
    };
    match outcome {
        // Where the prefix ends within a block, what came before it stands.
        Err(error) if plain.is_empty() && error.kind() != ErrorKind::UnexpectedEof => {
            Err(OciError::Malformed { what: "the compressed layer", problem: error.to_string() })
        }
        _ => Ok(plain),
    }
}

fn take(source: impl Read, limit: usize, plain: &mut Vec<u8>) -> io::Result<()> {
    let room = limit.saturating_sub(plain.len()) as u64;
    source.take(room).read_to_end(plain).map(drop)
}

/// Layers that are made for lazy pulling have a frame for each file, and frames that a decoder passes over.
fn unpack_frames(mut blob: &[u8], limit: usize, plain: &mut Vec<u8>) -> io::Result<()> {
    while !blob.is_empty() && plain.len() < limit {
        match StreamingDecoder::new_with_max_window_size(&mut blob, LARGEST_WINDOW) {
            Ok(frame) => take(frame, limit, plain)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                blob = blob.get(length..).unwrap_or_default();
            }
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    fn compressed(compression: Compression, plain: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => plain.to_vec(),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => {
                ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }

    #[test]
    fn a_prefix_gives_a_prefix_and_the_limit_holds() {
        let plain = noise(600_000);
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let blob = compressed(compression, &plain);
            assert!(inflate(compression, &blob, usize::MAX).unwrap() == plain, "{compression:?}");
            assert_eq!(inflate(compression, &blob, 1000).unwrap(), plain[..1000], "{compression:?}");
            let twice = [blob.as_slice(), &blob].concat();
            assert!(inflate(compression, &twice, usize::MAX).unwrap() == plain.repeat(2), "{compression:?}");
            let half = inflate(compression, &blob[..blob.len() / 2], usize::MAX).unwrap();
            assert!(plain.starts_with(&half) && half.len() > 100_000, "{compression:?}: {}", half.len());
        }
    }

    #[test]
    fn what_is_not_compressed_is_refused_and_a_bomb_is_cut() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            assert!(inflate(compression, b"this is no archive at all", 1000).is_err(), "{compression:?}");
        }
        let bomb = compressed(Compression::Gzip, &vec![0; 64 * 1024 * 1024]);
        let decoded = inflate(Compression::Gzip, &bomb, 4096).unwrap();
        assert_eq!(decoded.len(), 4096);
        assert!(decoded.capacity() <= 4 * 1024 * 1024, "{}", decoded.capacity());
    }
}
