//! The few fields that routing and accounting need, and where they are in the bytes. Everything else is passed
//! over, whatever it is.

use super::prompt::{Messages, TextLength};
use super::splice::UsageEdit;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// What was seen in a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Peek {
    /// The model asked for.
    pub model: String,
    /// Where its JSON string is in the body, quotes included.
    pub model_at: Range<usize>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// How to make a streamed answer report its usage; absent if the client asked for that itself, or the
    /// answer is not streamed.
    pub usage_edit: Option<UsageEdit>,
    /// The estimated length of the prompt.
    pub prompt_tokens: u32,
}

/// Why a body cannot be routed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// Not JSON, or not UTF-8.
    #[error("the body is not valid JSON: {0}")]
    Json(String),
    /// JSON, but a field that the router reads is of the wrong type, or there twice.
    #[error("the body is not a chat completion request: {0}")]
    Shape(String),
    /// No model.
    #[error("you must name a model: add \"model\" to the body")]
    NoModel,
}

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    stream: Option<bool>,
    #[serde(borrow, default)]
    stream_options: Present<'a>,
    #[serde(default)]
    messages: Messages,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions<'a> {
    #[serde(borrow, default)]
    include_usage: Present<'a>,
}

/// A value that may be absent. Unlike `Option`, `null` counts as there: adding the key again would make it twice.
#[derive(Default)]
struct Present<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Present<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// Looks into a body.
///
/// # Errors
/// The body is not JSON, has no model, or has a field of the wrong type.
pub fn peek(body: &[u8]) -> Result<Peek, PeekError> {
    let text = std::str::from_utf8(body).map_err(|error| PeekError::Json(error.to_string()))?;
    // A list would do for a struct, as far as the parser is concerned.
    if !text.trim_ascii_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
        return Err(PeekError::Shape("it must be an object".to_owned()));
    }
    let view: View<'_> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    let raw = view.model.ok_or(PeekError::NoModel)?;
    let model =
        serde_json::from_str(raw.get()).map_err(|_| PeekError::Shape("model must be a string".to_owned()))?;
    let model_at = place(text, raw);
    let stream = view.stream.unwrap_or(false);
    let usage_edit = if stream { usage_edit(text, &view.stream_options, model_at.end)? } else { None };
    let mut length = view.messages.0;
    if let Some(tools) = view.tools {
        length.add(TextLength::of(tools.get()));
    }
    Ok(Peek { model, model_at, stream, usage_edit, prompt_tokens: length.tokens() })
}

fn json_error(error: &serde_json::Error) -> PeekError {
    match error.classify() {
        serde_json::error::Category::Data => PeekError::Shape(error.to_string()),
        _ => PeekError::Json(error.to_string()),
    }
}

/// Where a borrowed value is in the text that it was read from.
fn place(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + value.get().len()
}

/// The smallest change that sets `stream_options.include_usage`.
fn usage_edit(text: &str, options: &Present<'_>, model_end: usize) -> Result<Option<UsageEdit>, PeekError> {
    let Some(raw) = options.0 else {
        return Ok(Some(UsageEdit::AddOptions(model_end)));
    };
    let at = place(text, raw);
    if raw.get() == "null" {
        return Ok(Some(UsageEdit::ReplaceOptions(at)));
    }
    let wrong = || PeekError::Shape("stream_options must be an object".to_owned());
    if !raw.get().starts_with('{') {
        return Err(wrong());
    }
    let parsed: StreamOptions<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    Ok(match parsed.include_usage.0 {
        Some(value) if value.get() == "true" => None,
        Some(value) => Some(UsageEdit::ReplaceFlag(place(text, value))),
        None => Some(UsageEdit::AddFlag {
            at: at.start + 1,
            alone: raw.get().trim_start_matches('{').trim_start() == "}",
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found_with_its_place() {
        let body = br#"{"messages":[], "model" : "a\u0062c" ,"x":{"model":"no"}}"#;
        let peek = peek(body).unwrap();
        assert_eq!(peek.model, "abc");
        assert_eq!(&body[peek.model_at], br#""a\u0062c""#);
        assert!(!peek.stream && peek.usage_edit.is_none());
    }

    #[test]
    fn tools_count_as_prompt() {
        let with = peek(br#"{"model":"m","tools":[{"type":"function"}]}"#).unwrap();
        let without = peek(br#"{"model":"m"}"#).unwrap();
        assert!(with.prompt_tokens > without.prompt_tokens);
    }

    #[test]
    fn bodies_that_cannot_be_routed_say_why() {
        let deep = format!(r#"{{"model":"m","messages":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        for (body, json) in [
            (&b"{"[..], true),
            (b"", true),
            (b"\xff\xfe", true),
            (b"{\"model\":\"m\"} trailing", true),
            (b"{\"model\":\"m\",\"x\":\"\xff\"}", true),
            (deep.as_bytes(), true),
            (b"[]", false),
            (br#"["m",true,null,[]]"#, false),
            (br#"{"model":"m","stream":true,"stream_options":[true]}"#, false),
            (br#"{"model":1}"#, false),
            (br#"{"model":"m","model":"n"}"#, false),
            (br#"{"model":"m","stream":"yes"}"#, false),
            (br#"{"model":"m","stream":true,"stream_options":5}"#, false),
            (br#"{"model":"m","messages":"hi"}"#, false),
        ] {
            let error = peek(body).unwrap_err();
            assert_eq!(matches!(error, PeekError::Json(_)), json, "{error}");
        }
        assert_eq!(peek(b"{}").unwrap_err(), PeekError::NoModel);
        assert_eq!(peek(br#"{"model":null}"#).unwrap_err(), PeekError::NoModel);
    }
}
