//! The parser: fed with bytes, it says where it wants more.

use super::entry::{Entry, KEPT_ELEMENTS, count, pass_text};
use super::head::{ALIGNMENT, ARCHITECTURE, TOKENS};
use super::input::{Input, Stop};
use super::names::Names;
use super::tensors::{Adder, Record};
use super::{GgufError, Head, Metadata, Tensors, Value};
use crate::model_file::read::Reach;

/// Models have 20 to 80 keys.
const MAX_KEYS: u64 = 1 << 12;
/// The format's own limit.
const MAX_KEY: u64 = (1 << 16) - 1;
/// Models have up to 50,000 tensors (DeepSeek-V3 with every expert apart).
const MAX_TENSORS: u64 = 1 << 17;
/// Heads have up to 40 MB.
const MAX_HEAD: u64 = 1 << 28;

/// Elements of all arrays that are kept.
const ALL_KEPT_ELEMENTS: u64 = 1 << 16;

/// Tensors start at multiples of this unless the file says otherwise (`GGUF_DEFAULT_ALIGNMENT`).
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u32 = 1 << 20;

/// With [`Reach::Dimensions`], an array that leads beyond this many bytes is where reading stops.
const NEAR: u64 = 256 << 10;
/// A token or merge is a length of 8 bytes and seldom less than 3 letters.
const TEXT_ELEMENT: u64 = 11;

/// What a parser wants after it was fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes from this offset of the file on.
    More {
        /// The offset.
        at: u64,
    },
    /// Nothing: the head is complete as far as it was to be read.
    Done,
}

/// Reads the head of a GGUF file from pieces of any size.
///
/// It keeps at most one incomplete item (under 64 KiB beside the last piece), the numbers and names that
/// dimensions are computed from (under 2 MiB), and a hash of each name (8 bytes).
#[derive(Debug)]
pub struct Parser {
    reach: Reach,
    input: Input,
    state: State,
    version: u32,
    tensors: u64,
    metadata: Metadata,
    kept_elements: u64,
    vocabulary: Option<u64>,
    names: Names,
    sums: Option<Tensors>,
}

#[derive(Debug)]
enum State {
    Start,
    Keys {
        left: u64,
    },
    /// Inside an array of texts that are not kept.
    Texts {
        left: u64,
        keys_left: u64,
    },
    Tensors {
        left: u64,
        adder: Box<Adder>,
    },
    Done,
}

impl Parser {
    /// A parser at the start of a file.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            input: Input::default(),
            state: State::Start,
            version: 0,
            tensors: 0,
            metadata: Metadata::default(),
            kept_elements: 0,
            vocabulary: None,
            names: Names::default(),
            sums: None,
        }
    }

    /// Where in the file the next byte to be fed is.
    pub fn wants(&self) -> u64 {
        self.input.wants()
    }

    /// Takes bytes from [`wants`](Self::wants) on.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, GgufError> {
        self.input.feed(bytes);
        loop {
            if self.input.offset() > MAX_HEAD {
                return Err(GgufError::HeadTooLong { limit: MAX_HEAD });
            }
            match self.step() {
                Ok(()) if matches!(self.state, State::Done) => return Ok(Progress::Done),
                Ok(()) => {}
                Err(Stop::More) => return Ok(Progress::More { at: self.wants() }),
                Err(Stop::Error(error)) => return Err(error),
            }
        }
    }

    /// The head, or an error if the file, of `size` bytes, ended before it was complete.
    pub fn finish(self, size: u64) -> Result<Head, GgufError> {
        if !matches!(self.state, State::Done) {
            return Err(GgufError::Truncated { size, wanted: self.input.wants() });
        }
        Ok(Head {
            version: self.version,
            metadata: self.metadata,
            vocabulary: self.vocabulary,
            tensors: self.sums,
            read_to: self.input.offset(),
        })
    }

    /// About how many bytes it holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let names = match &self.state {
            State::Tensors { adder, .. } => adder.names().held(),
            _ => 0,
        };
        self.input.held() + self.metadata.held() + self.names.held() + names
    }

    /// Reads one item.
    fn step(&mut self) -> Result<(), Stop> {
        match self.state {
            State::Start => self.start(),
            State::Keys { left: 0 } => self.end_of_keys(),
            State::Keys { left } => self.key(left - 1),
            State::Texts { left: 0, keys_left } => {
                self.state = State::Keys { left: keys_left };
                Ok(())
            }
            State::Texts { ref mut left, .. } => {
                let skipped = self.input.item(pass_text);
                skipped.map(|()| *left -= 1)
            }
            State::Tensors { left: 0, ref adder } => {
                self.sums = Some(adder.sums(self.input.offset()));
                self.state = State::Done;
                Ok(())
            }
            State::Tensors { ref mut left, ref mut adder } => {
                self.input.item(|item| Ok(adder.add(&Record::read(item)?)?))?;
                *left -= 1;
                Ok(())
            }
            State::Done => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(), Stop> {
        let (version, tensors, keys) = self.input.item(|item| {
            let magic: [u8; 4] = item.array()?;
            if &magic != b"GGUF" {
                return Err(GgufError::Magic { found: magic }.into());
            }
            let version = item.u32()?;
            match version {
                2 | 3 => {}
                // A small number with its bytes swapped.
                _ if version.trailing_zeros() >= 16 && version != 0 => {
                    return Err(GgufError::BigEndian.into());
                }
                found => return Err(GgufError::Version { found }.into()),
            }
            Ok((version, count(item, "tensors", MAX_TENSORS)?, count(item, "keys", MAX_KEYS)?))
        })?;
        self.version = version;
        self.tensors = tensors;
        self.state = State::Keys { left: keys };
        Ok(())
    }

    /// Reads a key with its value, or with the head of an array of texts.
    fn key(&mut self, left: u64) -> Result<(), Stop> {
        let room = (ALL_KEPT_ELEMENTS - self.kept_elements).min(KEPT_ELEMENTS);
        let names = &mut self.names;
        let (key, entry) = self.input.item(|item| {
            let at = item.at();
            let key = item.text("key", MAX_KEY)?;
            if names.contains(key) {
                return Err(GgufError::DuplicateKey { key: key.to_owned(), at }.into());
            }
            let entry = Entry::read(item, key, room)?;
            names.insert(key);
            Ok((key.to_owned(), entry))
        })?;
        self.state = State::Keys { left };
        match entry {
            Entry::Kept(value) => {
                if let Value::Integers(numbers) = &value {
                    self.kept_elements += numbers.len() as u64;
                }
                self.metadata.insert(&key, value);
            }
            Entry::Passed => {}
            Entry::Numbers { elements } => {
                self.note_vocabulary(&key, elements);
                self.stop_if_enough(0);
            }
            Entry::Texts { elements } => {
                self.note_vocabulary(&key, elements);
                self.state = State::Texts { left: elements, keys_left: left };
                self.stop_if_enough(elements.saturating_mul(TEXT_ELEMENT));
            }
        }
        Ok(())
    }

    fn note_vocabulary(&mut self, key: &str, elements: u64) {
        if key == TOKENS {
            self.vocabulary = Some(elements);
        }
    }

    /// Stops before `more` bytes if they lead far and the dimensions are known: converters write them before
    /// the vocabulary.
    fn stop_if_enough(&mut self, more: u64) {
        let far = self.input.offset().saturating_add(more) > NEAR;
        if self.reach == Reach::Dimensions && far && self.dimensions_are_known() {
            self.state = State::Done;
        }
    }

    fn dimensions_are_known(&self) -> bool {
        let Ok(Some(architecture)) = self.metadata.text(ARCHITECTURE) else { return false };
        let has = |key: &str| self.metadata.get(&format!("{architecture}.{key}")).is_some();
        has("block_count") && has("embedding_length") && (self.vocabulary.is_some() || has("vocab_size"))
    }

    fn end_of_keys(&mut self) -> Result<(), Stop> {
        let alignment = match self.metadata.number(ALIGNMENT)? {
            None => DEFAULT_ALIGNMENT,
            Some(alignment) if alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT => alignment.into(),
            Some(alignment) => {
                let wanted = "a power of two of at most 2^20";
                let (key, found) = (ALIGNMENT.to_owned(), alignment.to_string());
                return Err(GgufError::Value { key, found, wanted }.into());
            }
        };
        self.state = State::Tensors { left: self.tensors, adder: Box::new(Adder::new(alignment)) };
        Ok(())
    }
}
