//! Whole events of a stream that comes in pieces, for who must read all of them.

use super::scan::Scanner;

/// The longest event. Content is streamed in small ones.
const EVENT_AT_MOST: usize = 1024 * 1024;

/// An event outgrew the bound; the rest of the stream is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Splits one stream.
#[derive(Debug, Default)]
pub struct Splitter {
    scanner: Scanner,
    /// The beginning of an event whose end has not come.
    held: Vec<u8>,
    broken: bool,
}

impl Splitter {
    /// Takes the next piece and hands on the events that end in it.
    ///
    /// # Errors
    /// An event is longer than a MiB.
    pub fn push(&mut self, mut piece: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), TooLong> {
        if self.broken {
            return Err(TooLong);
        }
        while let Some(end) = self.scanner.next_end(piece) {
            let (event, rest) = piece.split_at(end);
            piece = rest;
            if self.held.is_empty() {
                each(event);
            } else {
                self.held.extend_from_slice(event);
                each(&self.held);
                self.held.clear();
            }
        }
        self.held.extend_from_slice(piece);
        if self.held.len() > EVENT_AT_MOST {
            self.broken = true;
            self.held = Vec::new();
            return Err(TooLong);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_whatever_the_cuts_and_giants_end_it() {
        let stream = b"event: a\ndata: 1\n\ndata: 2\r\n\r\ndata: 3";
        for size in 1..stream.len() {
            let (mut splitter, mut events) = (Splitter::default(), Vec::new());
            for piece in stream.chunks(size) {
                splitter.push(piece, |event| events.push(event.to_vec())).unwrap();
            }
            assert_eq!(events, [&b"event: a\ndata: 1\n\n"[..], b"data: 2\r\n\r\n"], "pieces of {size} bytes");
        }
        let mut splitter = Splitter::default();
        let giant = vec![b'x'; EVENT_AT_MOST + 1];
        assert_eq!(splitter.push(&giant, |_| panic!("it never ends")), Err(TooLong));
        assert_eq!(splitter.push(b"data: 1\n\n", |_| panic!("the rest is not read")), Err(TooLong));
        assert!(splitter.held.is_empty());
    }
}
