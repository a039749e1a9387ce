//! A look into a request for embeddings.

use super::peek::{Peek, PeekError, json_error, model_of, object};
use super::prompt::TextLength;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(default)]
    input: Input,
}

/// Looks into a body. The answer is never streamed, whatever the body says.
///
/// # Errors
/// The body is not JSON, has no model, or has an input that is neither text nor tokens.
pub(super) fn peek(body: &[u8]) -> Result<Peek, PeekError> {
    let text = object(body)?;
    let view: View<'_> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    let (model, model_at) = model_of(text, view.model)?;
    Ok(Peek {
        model,
        model_at,
        stream: false,
        usage_edit: None,
        options_at: None,
        prompt_tokens: view.input.total,
        longest_input: view.input.longest,
        max_tokens: Some(0),
        choices: 1,
        given: 1,
    })
}

/// Tokens of the inputs: all of them together, and the longest, since each has the context window for itself.
#[derive(Debug, Default)]
struct Input {
    total: u32,
    longest: u32,
}

impl Input {
    fn add(&mut self, tokens: u32) {
        self.total = self.total.saturating_add(tokens);
        self.longest = self.longest.max(tokens);
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

/// A text, a list of texts, a list of tokens, or a list of such lists.
struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list of texts or a list of tokens")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Input, E> {
        let tokens = TextLength::of(text).tokens();
        Ok(Input { total: tokens, longest: tokens })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Input, E> {
        Ok(Input::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Input, A::Error> {
        let mut sum = Input::default();
        let mut tokens = 0_u32;
        while let Some(element) = seq.next_element()? {
            match element {
                Element::Input(length) => sum.add(length),
                Element::Token => tokens = tokens.saturating_add(1),
            }
        }
        sum.add(tokens);
        Ok(sum)
    }
}

enum Element {
    /// An input of so many tokens.
    Input(u32),
    /// A part of the one input that there is.
    Token,
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a token or a list of tokens")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Input(TextLength::of(text).tokens()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Element, E> {
        Ok(Element::Token)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        let mut tokens = 0_u32;
        while let Some(element) = seq.next_element()? {
            // What serde says by itself about a text quotes it.
            let Element::Token = element else {
                return Err(de::Error::custom("a list inside of the input must be one of tokens"));
            };
            tokens = tokens.saturating_add(1);
        }
        Ok(Element::Input(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(input: &str) -> (u32, u32) {
        let peek = peek(format!(r#"{{"model":"m","stream":true,"input":{input}}}"#).as_bytes()).unwrap();
        assert!(!peek.stream && peek.usage_edit.is_none());
        (peek.prompt_tokens, peek.longest_input)
    }

    #[test]
    fn every_form_of_input_is_measured_and_the_longest_is_known() {
        for (input, expected) in [
            (r#""12345678""#, (2, 2)),
            (r#"["12345678", "1234", "\u00e9\u00e9\u00e9"]"#, (5, 2)),
            ("[1, 2, 3, 70000]", (4, 4)),
            ("[[1, 2], [3], []]", (3, 2)),
            ("null", (0, 0)),
            ("[]", (0, 0)),
        ] {
            assert_eq!(lengths(input), expected, "{input}");
        }
    }

    #[test]
    fn what_is_no_input_is_refused() {
        for (body, json) in [
            (&br#"{"model":"m","input":5}"#[..], false),
            (br#"{"model":"m","input":{"text":"x"}}"#, false),
            (br#"{"model":"m","input":[[["x"]]]}"#, false),
            (br#"{"model":5,"input":"x"}"#, false),
            (br#"["m","x"]"#, false),
            (br#"{"model":"m","input":"x""#, true),
            (b"{\"model\":\"m\",\"input\":\"\xff\"}", true),
        ] {
            let error = peek(body).unwrap_err();
            assert_eq!(matches!(error, PeekError::Json(_)), json, "{error}");
        }
        assert_eq!(peek(br#"{"input":"x"}"#).unwrap_err(), PeekError::NoModel);
    }
}
