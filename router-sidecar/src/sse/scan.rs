//! Where events end in a stream of bytes, whatever its cuts.
//!
//! An event ends with an empty line; lines end with LF or CRLF. (The specification also allows a lone CR, which
//! no known provider sends; such a stream passes as one long event.)

/// The state between two pieces of a stream.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// Whether the line that the last piece ended in has anything in it besides one CR.
    in_line: bool,
    /// Whether that line is a CR so far.
    is_cr: bool,
}

impl Scanner {
    /// The place right behind the first event that ends in `bytes`, if one does. The next call goes on from there.
    pub(super) fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut line_start = 0;
        for newline in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[line_start..newline];
            let empty = !self.in_line && matches!((self.is_cr, line), (_, []) | (false, [b'\r']));
            (self.in_line, self.is_cr) = (false, false);
            line_start = newline + 1;
            if empty {
                return Some(line_start);
            }
        }
        let rest = &bytes[line_start..];
        if !rest.is_empty() {
            let is_cr = !self.in_line && !self.is_cr && rest == b"\r";
            (self.in_line, self.is_cr) = (!is_cr, is_cr);
        }
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
    fn a_line_of_two_carriage_returns_is_not_empty_wherever_it_is_cut() {
        let stream = b"data: a\n\r\r\n\r\ndata: b\n\r\n";
        for size in 1..=stream.len() {
            let found = events(stream, size);
            assert_eq!(found, [&b"data: a\n\r\r\n\r\n"[..], b"data: b\n\r\n"], "pieces of {size} bytes");
        }
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
