//! A request as bytes.

use crate::decimal::Decimal;
use crate::request::Spliced;
use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, header};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Pieces of a body up to this size are copied behind the head: a slice of its own costs the kernel more.
const COPY_AT_MOST: usize = 4096;
/// Slices of one write. A request has a head and at most five pieces.
const SLICES: usize = 6;
/// What a head takes, without looking.
const HEAD: usize = 512;

/// The bytes of one request that have not been written yet.
#[derive(Debug)]
pub(super) struct Outbox {
    pieces: VecDeque<Bytes>,
}

impl Outbox {
    /// The bytes of a request, from its first line on.
    ///
    /// Header names and values cannot hold line breaks: their types see to that.
    pub(super) fn of(request: Request<Spliced>) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = parts.uri.authority().map_or("", |authority| authority.as_str());
        let length = body.length();
        let copied = usize::try_from(length).map_or(COPY_AT_MOST, |length| length.min(COPY_AT_MOST));
        let mut text = BytesMut::with_capacity(HEAD + copied);
        for part in [parts.method.as_str(), " ", path, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
            text.put_slice(part.as_bytes());
        }
        for (name, value) in &parts.headers {
            // These are said here, and only once.
            if matches!(*name, header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
                continue;
            }
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                text.put_slice(part);
            }
        }
        text.put_slice(b"content-length: ");
        text.put_slice(Decimal::of(length).as_bytes());
        text.put_slice(b"\r\n\r\n");
        let mut pieces = VecDeque::new();
        for piece in body.into_pieces() {
            if piece.len() <= COPY_AT_MOST {
                text.put_slice(&piece);
            } else {
                pieces.push_back(text.split().freeze());
                pieces.push_back(piece);
            }
        }
        pieces.push_back(text.freeze());
        pieces.retain(|piece| !piece.is_empty());
        Self { pieces }
    }

    /// Whether all is written.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Hands the next bytes to `write`, and forgets as many as it took.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<()> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled =
            slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count();
        let mut written = write(slices.get(..filled).unwrap_or_default())?;
        while let Some(first) = self.pieces.front_mut() {
            if written < first.len() {
                let _ = first.split_to(written);
                break;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::splice;
    use http::{HeaderValue, Method};

    fn outbox(body: &[u8]) -> Outbox {
        let body = splice(&Bytes::copy_from_slice(body), 1..3, Bytes::from_static(b"\"engine\""), None);
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "http://10.0.0.7:8000/v1/chat/completions".parse().unwrap();
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("elsewhere"));
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        Outbox::of(request)
    }

    /// Takes so many bytes a write.
    fn written(mut outbox: Outbox, at_once: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outbox.is_empty() {
            outbox
                .write(|slices| {
                    let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                    let taken = at_once.min(bytes.len());
                    all.extend_from_slice(&bytes[..taken]);
                    Ok(taken)
                })
                .unwrap();
        }
        all
    }

    #[test]
    fn a_request_is_the_same_however_little_a_write_takes() {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 10.0.0.7:8000\r\naccept: */*\r\n";
        for length in [4, 500, 3 * COPY_AT_MOST] {
            let body = [&b"{\"\""[..], &b"x".repeat(length)].concat();
            let sent = [&b"{\"engine\""[..], &b"x".repeat(length)].concat();
            let expected =
                [format!("{head}content-length: {}\r\n\r\n", sent.len()).as_bytes(), &sent].concat();
            for at_once in [1, 7, 1000, usize::MAX] {
                assert_eq!(written(outbox(&body), at_once), expected, "{length} bytes, {at_once} at once");
            }
        }
    }
}
