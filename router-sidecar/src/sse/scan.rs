//! Where events end in a stream of bytes, whatever its cuts.
//!
//! An event ends with an empty line; lines end with LF or CRLF. (The specification also allows a lone CR, which
//! no known provider sends; such a stream passes as one long event.)

/// The state between two pieces of a stream.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Whether the line that the last piece ended in has anything in it besides a CR.
    in_line: bool,
}

impl Scanner {
    /// The place right behind the first event that ends in `bytes`, if one does. The next call goes on from there.
    pub(super) fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut line_start = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[line_start..newline];
            let empty = !self.in_line && matches!(line, [] | [b'\r']);
            self.in_line = false;
            line_start = newline + 1;
            if empty {
                return Some(line_start);
            }
        }
        let rest = &bytes[line_start..];
        self.in_line |= !matches!(rest, [] | [b'\r']);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events found when the stream comes in pieces of `size` bytes.
    fn events(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (mut scanner, mut events, mut current) = (Scanner::default(), Vec::new(), Vec::new());
        for mut piece in stream.chunks(size) {
            while let Some(end) = scanner.next_end(piece) {
                current.extend_from_slice(&piece[..end]);
                events.push(std::mem::take(&mut current));
                piece = &piece[end..];
            }
            current.extend_from_slice(piece);
        }
        events
    }

    #[test]
    fn cuts_do_not_move_the_ends() {
        let stream = "data: ä\n\ndata: b\r\n\r\n: ping\n\nevent: x\ndata: c\n\ndata: tail".as_bytes();
        let whole = events(stream, stream.len());
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1], b"data: b\r\n\r\n");
        for size in 1..stream.len() {
            assert_eq!(events(stream, size), whole, "pieces of {size} bytes");
        }
    }
}
