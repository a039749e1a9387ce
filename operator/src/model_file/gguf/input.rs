//! Bytes that were fed and are not consumed.

use super::GgufError;

/// Why an item was not read.
pub(super) enum Stop {
    /// It goes on after the bytes that are there.
    More,
    /// It cannot be read.
    Error(GgufError),
}

impl From<GgufError> for Stop {
    fn from(error: GgufError) -> Self {
        Self::Error(error)
    }
}

/// A window on the file, and a distance to pass over before it.
#[derive(Debug, Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are consumed.
    used: usize,
    /// Where in the file the first unconsumed byte of `buffer` is, or will be after `skip`.
    offset: u64,
    /// Bytes to pass over that were not fed yet.
    skip: u64,
}

impl Input {
    /// Where in the file the next byte to be fed is.
    pub(super) fn wants(&self) -> u64 {
        let waiting = (self.buffer.len() - self.used) as u64;
        self.offset.saturating_add(waiting).saturating_add(self.skip)
    }

    /// Where in the file the next item starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset.saturating_add(self.skip)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Takes the next bytes. A caller that heeds [`wants`](Self::wants) never feeds what is to be skipped.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.offset = self.offset.saturating_add(self.skip);
        self.skip = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads one item from the start; it is consumed only if it is complete.
    pub(super) fn item<T>(&mut self, read: impl FnOnce(&mut Item<'_>) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.skip > 0 {
            return Err(Stop::More);
        }
        let rest = self.buffer.get(self.used..).unwrap_or_default();
        let mut item = Item { rest, at: self.offset, skip: 0 };
        let value = read(&mut item)?;
        let (left, at, skip) = (item.rest.len(), item.at, item.skip);
        self.used = self.buffer.len() - left;
        self.offset = at;
        self.pass(skip);
        Ok(value)
    }

    /// Passes over `length` bytes, fed or not.
    fn pass(&mut self, length: u64) {
        let waiting = self.buffer.len() - self.used;
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(waiting);
        self.used += here;
        self.offset = self.offset.saturating_add(here as u64);
        self.skip = length - here as u64;
    }
}

/// An item being read.
pub(super) struct Item<'a> {
    rest: &'a [u8],
    at: u64,
    skip: u64,
}

impl<'a> Item<'a> {
    /// Where in the file the next byte of the item is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Stop::More)?;
        self.rest = rest;
        self.at = self.at.saturating_add(length as u64);
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.bytes(N)?.try_into().map_err(|_| Stop::More)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Stop> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length that must be at most `limit`.
    pub(super) fn length(&mut self, what: &'static str, limit: u64) -> Result<u64, Stop> {
        let at = self.at;
        match self.u64()? {
            length if length > limit => Err(GgufError::TooLong { what, length, limit, at }.into()),
            length => Ok(length),
        }
    }

    /// A text that is neither empty nor longer than `limit`.
    pub(super) fn text(&mut self, what: &'static str, limit: u64) -> Result<&'a str, Stop> {
        let at = self.at;
        let length = self.length(what, limit)?;
        let bytes = self.bytes(usize::try_from(length).map_err(|_| Stop::More)?)?;
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => Err(GgufError::Text { what, at }.into()),
        }
    }

    /// Ends the item after `length` more bytes, which are passed over.
    pub(super) fn skip(&mut self, length: u64) {
        self.skip = length;
    }
}
