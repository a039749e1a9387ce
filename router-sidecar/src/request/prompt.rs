//! How long a prompt is, without a tokenizer.
//!
//! Vocabularies are megabytes and differ between targets, and rules ask only for "long" or "short". The estimate
//! is one token per four ASCII bytes and one per three other bytes (a CJK character is three bytes and about one
//! token, a Cyrillic letter is two and about half of one), plus four tokens of template a message. On English and
//! code it is within a quarter of what GPT-4o and Llama 3 count.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::fmt;

const ASCII_BYTES_PER_TOKEN: u64 = 4;
const OTHER_BYTES_PER_TOKEN: u64 = 3;
/// Role and separators, as chat templates write them.
const TOKENS_PER_MESSAGE: u64 = 4;

/// Bytes of text, by how they become tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TextLength {
    ascii: u64,
    other: u64,
    messages: u64,
}

impl TextLength {
    /// Of a piece of text.
    pub(super) fn of(text: &str) -> Self {
        let other = other_bytes(text.as_bytes());
        Self { ascii: text.len() as u64 - other, other, messages: 0 }
    }

    /// Of text whose bytes were counted.
    pub(super) fn counted(ascii: u64, other: u64) -> Self {
        Self { ascii, other, messages: 0 }
    }

    /// Of what a message has besides its text.
    pub(super) fn of_message() -> Self {
        Self { ascii: 0, other: 0, messages: 1 }
    }

    /// Whether a field of a message or of a content part is read as text. What [`Field`] says, for keys as they are.
    pub(super) fn is_in(key: &[u8]) -> bool {
        matches!(key, b"content" | b"text" | b"tool_calls" | b"function" | b"arguments" | b"name")
    }

    pub(super) fn add(&mut self, more: Self) {
        self.ascii += more.ascii;
        self.other += more.other;
        self.messages += more.messages;
    }

    /// The estimate, rounded up.
    pub(super) fn tokens(self) -> u32 {
        let tokens = self.ascii.div_ceil(ASCII_BYTES_PER_TOKEN)
            + self.other.div_ceil(OTHER_BYTES_PER_TOKEN)
            + self.messages * TOKENS_PER_MESSAGE;
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }
}

/// Bytes that are not ASCII. Prompts are long, so eight bytes are looked at together and their sums carried in eight
/// lanes: a quarter of an instruction a byte where one by one takes five.
pub(super) fn other_bytes(text: &[u8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    /// Words until a lane could overflow.
    const BLOCK: usize = 255;
    if text.is_ascii() {
        return 0;
    }
    let (words, rest) = text.as_chunks::<8>();
    let blocks = words.chunks(BLOCK).map(|block| {
        let lanes = block.iter().fold(0, |sum, word| sum + ((u64::from_ne_bytes(*word) >> 7) & ONES));
        lanes.to_ne_bytes().iter().map(|lane| u64::from(*lane)).sum::<u64>()
    });
    blocks.sum::<u64>() + rest.iter().filter(|byte| !byte.is_ascii()).count() as u64
}

/// The text in `messages`: only lengths are kept.
#[derive(Debug, Default)]
pub(super) struct Messages(pub(super) TextLength);

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessagesVisitor).map(Self)
    }
}

struct MessagesVisitor;

impl<'de> Visitor<'de> for MessagesVisitor {
    type Value = TextLength;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of messages")
    }

    // What serde says by itself quotes the text.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<TextLength, E> {
        Err(E::custom("messages must be a list of messages, not a text"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextLength, A::Error> {
        let mut sum = TextLength::default();
        while let Some(Text(length)) = seq.next_element()? {
            sum.add(length);
            sum.messages += 1;
        }
        Ok(sum)
    }
}

/// The text anywhere inside a value: a string, the parts of a list, the fields of an object that hold text.
struct Text(TextLength);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = TextLength;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TextLength, E> {
        Ok(TextLength::of(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<TextLength, E> {
        Ok(TextLength::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<TextLength, E> {
        Ok(TextLength::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<TextLength, E> {
        Ok(TextLength::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<TextLength, E> {
        Ok(TextLength::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<TextLength, E> {
        Ok(TextLength::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextLength, A::Error> {
        let mut sum = TextLength::default();
        while let Some(Text(length)) = seq.next_element()? {
            sum.add(length);
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TextLength, A::Error> {
        let mut sum = TextLength::default();
        while let Some(key) = map.next_key::<Field>()? {
            match key {
                Field::Text => sum.add(map.next_value::<Text>()?.0),
                // Images and audio are base64 in here: their bytes are not text.
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(sum)
    }
}

/// Fields of messages and content parts that models read as text.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    #[serde(alias = "content", alias = "tool_calls", alias = "function", alias = "arguments", alias = "name")]
    Text,
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(messages: &str) -> u32 {
        serde_json::from_str::<Messages>(messages).unwrap().0.tokens()
    }

    #[test]
    fn text_counts_wherever_a_message_may_hold_it() {
        for (messages, expected) in [
            (r"[]", 0),
            (r#"[{"role":"user","content":"four bytes!!"}]"#, 4 + 3),
            (r#"[{"role":"user","content":null}]"#, 4),
            (r#"[{"role":"user","content":[{"type":"text","text":"abcdefgh"}]}]"#, 4 + 2),
            (r#"[{"role":"user","content":"\u65e5\u672c"}]"#, 4 + 2),
            (r#"[{"role":"user","content":"日本"}]"#, 4 + 2),
            (
                r#"[{"role":"assistant","tool_calls":[{"id":"call_1234567890","function":{"name":"f","arguments":"{\"a\":1}"}}]}]"#,
                4 + 2,
            ),
        ] {
            assert_eq!(tokens(messages), expected, "{messages}");
        }
    }

    #[test]
    fn bytes_are_counted_alike_whatever_the_length() {
        for length in [0, 1, 7, 8, 9, 2040, 2041, 5000] {
            assert_eq!(other_bytes("é".repeat(length).as_bytes()), 2 * length as u64);
            assert_eq!(other_bytes("aé".repeat(length).as_bytes()), 2 * length as u64);
            assert_eq!(other_bytes("a".repeat(length).as_bytes()), 0);
        }
    }

    #[test]
    fn an_image_is_not_text() {
        let image = format!(
            r#"[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:{}"}}}}]}}]"#,
            "A".repeat(100_000)
        );
        assert_eq!(tokens(&image), 4);
    }
}
