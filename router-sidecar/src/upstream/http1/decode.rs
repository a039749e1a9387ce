//! Where the body of an answer ends (RFC 9112, 6 and 7). Pure: bytes in, pieces of the body out.

use super::Invalid;
use bytes::{Buf, Bytes, BytesMut};

/// Bytes of a chunk's size line, its extensions included. Engines write fewer than ten.
const SIZE_LINE_AT_MOST: usize = 1024;
/// Bytes of all trailers together. They are dropped.
const TRAILERS_AT_MOST: usize = 8 * 1024;

/// Finds the end of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// In chunks.
    Chunked(Chunked),
    /// Until the server closes the connection.
    UntilClose,
}

/// Where in its chunks a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunked {
    /// Before the size of a chunk.
    Size,
    /// So many bytes of a chunk are left.
    Data(u64),
    /// Before the line break after a chunk.
    DataEnd,
    /// After the last chunk; so many bytes of trailers were seen.
    Trailers(usize),
    /// After the end.
    Done,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A piece of the body.
    Piece(Bytes),
    /// Nothing before more bytes have come.
    More,
    /// The end; what is still in the buffer does not belong to this answer.
    End,
}

impl Decoder {
    /// The chunked body that begins here.
    pub const CHUNKED: Self = Self::Chunked(Chunked::Size);

    /// Takes the next piece out of what has come.
    ///
    /// # Errors
    /// The chunks are not well formed.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Step, Invalid> {
        match self {
            Self::Length(left) => Ok(up_to(left, buffer)),
            Self::Chunked(chunked) => chunked.next(buffer),
            Self::UntilClose if buffer.is_empty() => Ok(Step::More),
            Self::UntilClose => Ok(Step::Piece(buffer.split().freeze())),
        }
    }

    /// Whether it is a good end if the server closes the connection now.
    pub fn may_close(&self) -> bool {
        matches!(self, Self::UntilClose)
    }

    /// Whether nothing more comes, whatever is in the buffer.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunked::Done))
    }

    /// How many bytes the whole body still has, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }
}

impl Chunked {
    fn next(&mut self, buffer: &mut BytesMut) -> Result<Step, Invalid> {
        loop {
            match self {
                Self::Size => {
                    let Some(line) = line(buffer, SIZE_LINE_AT_MOST)? else { return Ok(Step::More) };
                    *self = match size(&line)? {
                        0 => Self::Trailers(0),
                        size => Self::Data(size),
                    };
                }
                Self::Data(left) => match up_to(left, buffer) {
                    Step::End => *self = Self::DataEnd,
                    step => {
                        if *left == 0 {
                            *self = Self::DataEnd;
                        }
                        return Ok(step);
                    }
                },
                Self::DataEnd => {
                    let Some(two) = buffer.get(..2) else { return Ok(Step::More) };
                    if two != b"\r\n" {
                        return Err(Invalid::Chunk);
                    }
                    buffer.advance(2);
                    *self = Self::Size;
                }
                Self::Trailers(seen) => {
                    let Some(line) = line(buffer, TRAILERS_AT_MOST - *seen)? else { return Ok(Step::More) };
                    *seen += line.len() + 2;
                    if line.is_empty() {
                        *self = Self::Done;
                    }
                }
                Self::Done => return Ok(Step::End),
            }
        }
    }
}

/// A piece of a body of which so many bytes are left.
fn up_to(left: &mut u64, buffer: &mut BytesMut) -> Step {
    if *left == 0 {
        return Step::End;
    }
    if buffer.is_empty() {
        return Step::More;
    }
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    *left -= length as u64;
    Step::Piece(buffer.split_to(length).freeze())
}

/// Takes a line out, without its end.
fn line(buffer: &mut BytesMut, at_most: usize) -> Result<Option<BytesMut>, Invalid> {
    let seen = buffer.get(..at_most.min(buffer.len())).unwrap_or_default();
    match memchr::memchr(b'\n', seen) {
        Some(end) => {
            let mut line = buffer.split_to(end + 1);
            // A line feed alone ends no line: some would take it for an end, and others not.
            if !line.ends_with(b"\r\n") {
                return Err(Invalid::Chunk);
            }
            line.truncate(end - 1);
            Ok(Some(line))
        }
        None if seen.len() >= at_most => Err(Invalid::Chunk),
        None => Ok(None),
    }
}

/// The size in a chunk's size line; extensions are passed over.
fn size(line: &[u8]) -> Result<u64, Invalid> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    if !matches!(rest.trim_ascii_start().first(), None | Some(b';')) {
        return Err(Invalid::Chunk);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Invalid::Chunk)?;
    // Empty, or more than 64 bits.
    u64::from_str_radix(text, 16).map_err(|_| Invalid::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a body in pieces of the given size; the body and what is left behind its end.
    fn decode(mut decoder: Decoder, bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<u8>), Invalid> {
        let (mut buffer, mut body) = (BytesMut::new(), Vec::new());
        let mut pieces = bytes.chunks(size);
        loop {
            match decoder.next(&mut buffer)? {
                Step::Piece(piece) => body.extend_from_slice(&piece),
                Step::End => {
                    assert!(decoder.is_done());
                    let rest: Vec<u8> = pieces.flatten().copied().collect();
                    return Ok((body, [&buffer[..], &rest].concat()));
                }
                Step::More => {
                    let Some(piece) = pieces.next() else {
                        assert!(!decoder.is_done());
                        return Ok((body, b"(not ended)".to_vec()));
                    };
                    buffer.extend_from_slice(piece);
                }
            }
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says_whatever_the_cuts() {
        let chunked = b"4;x=\"y\"\r\nwiki\r\n0A \r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\nrest";
        for size in 1..=chunked.len() {
            let (body, rest) = decode(Decoder::CHUNKED, chunked, size).unwrap();
            assert_eq!((&body[..], &rest[..]), (&b"wiki0123456789"[..], &b"rest"[..]), "pieces of {size}");
            let (body, rest) = decode(Decoder::Length(4), b"wikirest", size).unwrap();
            assert_eq!((&body[..], &rest[..]), (&b"wiki"[..], &b"rest"[..]));
        }
        assert_eq!(decode(Decoder::Length(0), b"rest", 9).unwrap(), (vec![], b"rest".to_vec()));
        assert_eq!(decode(Decoder::UntilClose, b"all", 2).unwrap().0, b"all");
    }

    #[test]
    fn chunks_that_are_cut_off_have_no_end() {
        let whole = b"4\r\nwiki\r\n0\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(decode(Decoder::CHUNKED, &whole[..end], 3).unwrap().1, b"(not ended)", "{end} bytes");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let long = [b"4;", &b"x".repeat(SIZE_LINE_AT_MOST)[..], b"\r\nwiki\r\n"].concat();
        let trailers = [b"0\r\n", &b"x: y\r\n".repeat(TRAILERS_AT_MOST / 6 + 1)[..]].concat();
        for wrong in [
            &b"\r\n"[..],
            b"x\r\n",
            b"4\nwiki",
            b"-4\r\nwiki",
            b"+4\r\nwiki",
            b"0x4\r\nwiki",
            b" 4\r\nwiki",
            b"4 4\r\nwiki",
            b"11111111111111111\r\n",
            b"4\r\nwikiX\r\n",
            b"4\r\nwiki\n0\r\n\r\n",
            b"0\r\n\n",
            &long,
            &trailers,
        ] {
            for size in [1, 7, wrong.len()] {
                assert_eq!(
                    decode(Decoder::CHUNKED, wrong, size),
                    Err(Invalid::Chunk),
                    "{:?}",
                    wrong.escape_ascii().to_string()
                );
            }
        }
    }

    proptest! {
        #[test]
        fn chunks_come_out_as_they_went_in(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8), size in 1_usize..500) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(Decoder::CHUNKED, &wire, size), Ok((chunks.concat(), Vec::new())));
        }

        #[test]
        fn any_bytes_are_read_alike_whatever_the_cuts(bytes in prop::collection::vec(prop::sample::select(b"0123af\r\n;x".to_vec()), 0..60), size in 1_usize..20) {
            prop_assert_eq!(decode(Decoder::CHUNKED, &bytes, size), decode(Decoder::CHUNKED, &bytes, 1));
        }
    }
}
