//! The head of an answer: status and headers, and how its body is framed.

use super::{Decoder, Invalid};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::mem::MaybeUninit;

/// Bytes of a head, as much as the library reads of one.
const HEAD_AT_MOST: usize = 64 * 1024;
/// Lines of a head.
const HEADERS_AT_MOST: usize = 100;

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, as they came; a length that does not count is left out.
    pub headers: HeaderMap,
    /// Where its body ends.
    pub decoder: Decoder,
    /// Whether the server keeps the connection afterwards.
    pub keep_alive: bool,
}

/// Takes a head out of what has come; `None` if it is not whole yet.
///
/// # Errors
/// It is not the head of an answer, or too long.
pub fn read_head(buffer: &mut BytesMut) -> Result<Option<Head>, Invalid> {
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS_AT_MOST];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut parsed, buffer, &mut lines) {
        Ok(httparse::Status::Complete(length)) if length > HEAD_AT_MOST => return Err(Invalid::LongHead),
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() > HEAD_AT_MOST => return Err(Invalid::LongHead),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Invalid::LongHead),
        Err(_) => return Err(Invalid::Head),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Invalid::Head)?;
    let persistent = parsed.version == Some(1);
    // Places instead of slices, so that values can share the buffer once it is split.
    let start = buffer.as_ptr().addr();
    let places: Vec<_> = parsed
        .headers
        .iter()
        .map(|line| {
            let at = line.value.as_ptr().addr().saturating_sub(start);
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Invalid::Head)?;
            Ok((name, at..at + line.value.len()))
        })
        .collect::<Result<_, Invalid>>()?;
    let head = buffer.split_to(length).freeze();
    let mut headers = HeaderMap::with_capacity(places.len());
    for (name, place) in places {
        headers.append(name, value(&head, place)?);
    }
    let (decoder, clear) = framing(status, persistent, &mut headers)?;
    let keep_alive = clear && keep_alive(persistent, &headers);
    Ok(Some(Head { status, headers, decoder, keep_alive }))
}

fn value(head: &Bytes, place: std::ops::Range<usize>) -> Result<HeaderValue, Invalid> {
    // An empty value has no place of its own.
    if place.is_empty() {
        return Ok(HeaderValue::from_static(""));
    }
    if place.end > head.len() {
        return Err(Invalid::Head);
    }
    HeaderValue::from_maybe_shared(head.slice(place)).map_err(|_| Invalid::Head)
}

/// How the body is framed (RFC 9112, 6.3), and whether that leaves no doubt about the bytes after it.
fn framing(
    status: StatusCode,
    persistent: bool,
    headers: &mut HeaderMap,
) -> Result<(Decoder, bool), Invalid> {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok((Decoder::Length(0), true));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
        let chunked = codings.next().is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
        // No other coding was asked for, and HTTP/1.0 has none.
        if !chunked || codings.next().is_some() || !persistent {
            return Err(Invalid::Length);
        }
        // With both, the length does not count, and somebody on the way may have thought otherwise.
        let both = headers.remove(header::CONTENT_LENGTH).is_some();
        return Ok((Decoder::CHUNKED, !both));
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok((Decoder::UntilClose, false));
    };
    if lengths.any(|other| other != first) {
        return Err(Invalid::Length);
    }
    let digits = first.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::Length);
    }
    let length = first.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Invalid::Length)?;
    Ok((Decoder::Length(length), true))
}

fn keep_alive(persistent: bool, headers: &HeaderMap) -> bool {
    let says = |token: &str| {
        headers.get_all(header::CONNECTION).iter().any(|line| {
            line.as_bytes()
                .split(|byte| *byte == b',')
                .any(|word| word.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        })
    };
    if persistent { !says("close") } else { says("keep-alive") && !says("close") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Head>, Invalid> {
        read_head(&mut BytesMut::from(text))
    }

    fn framed(text: &str) -> Result<(Decoder, bool), Invalid> {
        read(text).map(|head| head.map(|head| (head.decoder, head.keep_alive)).unwrap())
    }

    #[test]
    fn a_head_is_taken_out_once_it_is_whole() {
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Empty:\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 5\r\n\r\n";
        for end in 0..text.len() {
            assert!(read(&text[..end]).unwrap().is_none(), "{end} bytes");
        }
        let mut buffer = BytesMut::from(format!("{text}hello").as_str());
        let head = read_head(&mut buffer).unwrap().unwrap();
        assert_eq!((head.status, head.decoder, head.keep_alive), (StatusCode::OK, Decoder::Length(5), true));
        assert_eq!(head.headers["content-type"], "text/event-stream");
        assert_eq!(head.headers["x-empty"], "");
        assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(&buffer[..], b"hello");
    }

    #[test]
    fn the_framing_is_what_the_standard_says() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", (Decoder::CHUNKED, true)),
            ("HTTP/1.1 200 OK\r\n\r\n", (Decoder::UntilClose, false)),
            ("HTTP/1.1 204 No Content\r\n\r\n", (Decoder::Length(0), true)),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", (Decoder::Length(0), true)),
            ("HTTP/1.1 100 Continue\r\n\r\n", (Decoder::Length(0), true)),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n", (Decoder::Length(3), true)),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: x, Close\r\n\r\n",
                (Decoder::Length(3), false),
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\n", (Decoder::Length(3), false)),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\n",
                (Decoder::Length(3), true),
            ),
            // Both: the chunks count, and the connection is not trusted afterwards.
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
                (Decoder::CHUNKED, false),
            ),
        ] {
            assert_eq!(framed(text), Ok(expected), "{text}");
        }
        let both = read("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n");
        assert!(!both.unwrap().unwrap().headers.contains_key(header::CONTENT_LENGTH));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(framed(text), Err(Invalid::Length), "{text}");
        }
        for text in [
            "HTTP/2 200 OK\r\n\r\n",
            "220 ready\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
        ] {
            assert_eq!(framed(text), Err(Invalid::Head), "{text}");
        }
    }

    #[test]
    fn heads_are_bounded() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_AT_MOST + 1));
        assert!(matches!(read(&many), Err(Invalid::LongHead)));
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(HEAD_AT_MOST));
        assert!(matches!(read(&long), Err(Invalid::LongHead)));
    }
}
