//! The few fields that routing and accounting need, and where they are in the bytes. Everything else is passed
//! over, whatever it is.

use super::options::{Present, usage_edit};
use super::prompt::{Messages, TextLength};
use super::scan::{Scanner, Unusual};
use super::splice::UsageEdit;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// The longest name of a model, in bytes as they are in the body. Names of policies' models are far shorter.
const MODEL_AT_MOST: usize = 512;

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
    /// Where the value of `stream_options` is, if there is one.
    pub options_at: Option<Range<usize>>,
    /// The estimated length of the prompt, of all inputs together.
    pub prompt_tokens: u32,
    /// The estimated length of the longest input: what has to fit into a context window. A chat is one input.
    pub longest_input: u32,
    /// The most tokens that each choice of the answer may have, if the client says so.
    pub max_tokens: Option<u32>,
    /// The choices that the target makes: `n`, or `best_of` where it makes more than it gives.
    pub choices: u32,
    /// The choices that its answer has: `n`.
    pub given: u32,
}

impl Peek {
    fn of_chat(
        model: String,
        model_at: Range<usize>,
        stream: bool,
        (usage_edit, options_at): (Option<UsageEdit>, Option<Range<usize>>),
        length: TextLength,
        max_tokens: Option<u32>,
        (choices, given): (u32, u32),
    ) -> Self {
        let tokens = length.tokens();
        Self {
            model,
            model_at,
            stream,
            usage_edit,
            options_at,
            prompt_tokens: tokens,
            longest_input: tokens,
            max_tokens,
            choices,
            given,
        }
    }
}

/// Why a body cannot be routed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// Not JSON, or not UTF-8.
    #[error("the body is not valid JSON: {0}")]
    Json(String),
    /// JSON, but a field that the router reads is of the wrong type, or there twice.
    #[error("the body is not a request of this API: {0}")]
    Shape(String),
    /// No model.
    #[error("you must name a model: add \"model\" to the body")]
    NoModel,
}

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stream_options: Present<'a>,
    #[serde(default)]
    messages: Messages,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
    #[serde(borrow)]
    best_of: Option<&'a RawValue>,
}

/// Looks into a body.
///
/// # Errors
/// The body is not JSON, has no model, or has a field of the wrong type.
pub fn peek(body: &[u8]) -> Result<Peek, PeekError> {
    match glance(body) {
        Some(peek) => Ok(peek),
        None => parse(body),
    }
}

/// One pass over a body that has nothing unusual; `None` leaves it to [`parse`], which has the last word.
fn glance(body: &[u8]) -> Option<Peek> {
    let (mut model, mut stream, mut options, mut messages, mut tools) = (None, None, None, None, None);
    let (mut limit, mut older_limit, mut given, mut made) = (None, None, None, None);
    let mut scanner = Scanner::new(body);
    let scanned = scanner.object(|inside, key| match key {
        b"model" => once(&mut model, inside.plain_string()),
        b"stream" => once(&mut stream, inside.flag()),
        b"stream_options" => once(&mut options, inside.value()),
        b"messages" => once(&mut messages, inside.messages()),
        b"tools" => once(&mut tools, inside.value()),
        b"max_completion_tokens" => once(&mut limit, inside.value()),
        b"max_tokens" => once(&mut older_limit, inside.value()),
        b"n" => once(&mut given, inside.value()),
        b"best_of" => once(&mut made, inside.value()),
        _ => inside.value().map(drop),
    });
    scanned.and_then(|()| scanner.end()).ok()?;
    // Outside of strings everything is ASCII by now.
    let text = |bytes| std::str::from_utf8(bytes).ok();
    if scanner.beyond_ascii {
        text(body)?;
    }
    let inside = model.filter(|inside| inside.len() <= MODEL_AT_MOST)?;
    let name = text(body.get(inside.clone())?)?;
    let model_at = inside.start - 1..inside.end + 1;
    let stream = stream.unwrap_or(false);
    let usage_edit = if stream {
        let options = match options.clone() {
            Some(at) => Some((text(body.get(at.clone())?)?, at)),
            None => None,
        };
        usage_edit(options, model_at.end).ok()?
    } else {
        None
    };
    let mut length = messages.unwrap_or_default();
    if let Some(tools) = tools {
        let tools = text(body.get(tools)?)?;
        if tools != "null" {
            length.add(TextLength::of(tools));
        }
    }
    let number = |at: Option<Range<usize>>| count(text(body.get(at?)?)?);
    let limit = number(limit).or_else(|| number(older_limit));
    let choices = choices(number(given), number(made));
    Some(Peek::of_chat(name.to_owned(), model_at, stream, (usage_edit, options), length, limit, choices))
}

/// Notes what was found. A field that comes twice is unusual.
fn once<T>(field: &mut Option<T>, found: Result<T, Unusual>) -> Result<(), Unusual> {
    match field.replace(found?) {
        None => Ok(()),
        Some(_) => Err(Unusual),
    }
}

/// What [`glance`] does, for every body, and with a reason where it cannot be done.
fn parse(body: &[u8]) -> Result<Peek, PeekError> {
    let text = object(body)?;
    let view: View<'_> = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    let (model, model_at) = model_of(text, view.model)?;
    let stream = view.stream.map_or(Ok(false), flag)?;
    let options = view.stream_options.0.map(|raw| (raw.get(), place(text, raw)));
    let options_at = options.as_ref().map(|(_, at)| at.clone());
    let usage_edit = if stream { usage_edit(options, model_at.end)? } else { None };
    let mut length = view.messages.0;
    if let Some(tools) = view.tools {
        length.add(TextLength::of(tools.get()));
    }
    let number = |raw: Option<&RawValue>| count(raw?.get());
    let limit = number(view.max_completion_tokens).or_else(|| number(view.max_tokens));
    let choices = choices(number(view.n), number(view.best_of));
    Ok(Peek::of_chat(model, model_at, stream, (usage_edit, options_at), length, limit, choices))
}

/// The text of a body that may be an object: a list would do for a struct, as far as the parser is concerned.
pub(super) fn object(body: &[u8]) -> Result<&str, PeekError> {
    let text = std::str::from_utf8(body).map_err(|error| PeekError::Json(error.to_string()))?;
    if !text.trim_ascii_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok() {
        return Err(PeekError::Shape("it must be an object".to_owned()));
    }
    Ok(text)
}

/// A flag. The parser would quote whatever else is there.
fn flag(raw: &RawValue) -> Result<bool, PeekError> {
    match raw.get() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(PeekError::Shape("stream must be true or false".to_owned())),
    }
}

/// A number of tokens; what is none is for the target to refuse.
fn count(json: &str) -> Option<u32> {
    json.parse().ok()
}

/// The choices that are made, and those of them that are given, of `n` and `best_of`.
fn choices(given: Option<u32>, made: Option<u32>) -> (u32, u32) {
    (given.max(made).unwrap_or(1).max(1), given.unwrap_or(1).max(1))
}

/// The model's name, and where it is in the text.
pub(super) fn model_of(text: &str, model: Option<&RawValue>) -> Result<(String, Range<usize>), PeekError> {
    let raw = model.ok_or(PeekError::NoModel)?;
    // Names are quoted in errors.
    if raw.get().len() > MODEL_AT_MOST + 2 {
        return Err(PeekError::Shape(format!("model must be a string of at most {MODEL_AT_MOST} bytes")));
    }
    let name =
        serde_json::from_str(raw.get()).map_err(|_| PeekError::Shape("model must be a string".to_owned()))?;
    Ok((name, place(text, raw)))
}

pub(super) fn json_error(error: &serde_json::Error) -> PeekError {
    match error.classify() {
        serde_json::error::Category::Data => PeekError::Shape(error.to_string()),
        _ => PeekError::Json(error.to_string()),
    }
}

/// Where a borrowed value is in the text that it was read from.
pub(super) fn place(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + value.get().len()
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
    fn the_longest_answer_is_the_newer_fields_or_else_the_older_ones() {
        for (fields, limit) in [
            ("", None),
            (r#","max_tokens":7"#, Some(7)),
            (r#","max_tokens":7,"max_completion_tokens":9"#, Some(9)),
            (r#","max_tokens":7,"max_completion_tokens":null"#, Some(7)),
            (r#","max_tokens":-1"#, None),
            (r#","max_tokens":"7""#, None),
            (r#","max_tokens":1e3"#, None),
        ] {
            let body = format!(r#"{{"model":"m"{fields}}}"#);
            assert_eq!(peek(body.as_bytes()).unwrap().max_tokens, limit, "{fields}");
        }
    }

    #[test]
    fn choices_are_those_that_are_made_and_those_that_are_given() {
        for (fields, made, given) in [
            ("", 1, 1),
            (r#","n":3"#, 3, 3),
            (r#","n":2,"best_of":5"#, 5, 2),
            (r#","best_of":5"#, 5, 1),
            (r#","n":4,"best_of":null"#, 4, 4),
            (r#","n":0"#, 1, 1),
            (r#","n":"3""#, 1, 1),
            (r#","n":-3"#, 1, 1),
        ] {
            let body = format!(r#"{{"model":"m"{fields}}}"#);
            let peek = peek(body.as_bytes()).unwrap();
            assert_eq!((peek.choices, peek.given), (made, given), "{fields}");
        }
    }

    #[test]
    fn usual_bodies_are_seen_alike_at_a_glance_and_by_the_parser() {
        for (body, usual) in [
            (
                r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"für \u00e9\n 日本"}],"tools":[{}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"b"}}]}, null, "x"],"tools":null,"model":"m"}"#,
                true,
            ),
            (r#"{"model":"m","stream":true,"stream_options":{ "include_usage" : false , "x":1}}"#, true),
            (r#"{"model":"m","stream":true,"stream_options":null,"stop":["a"],"seed":-1.5e3}"#, true),
            (r#"{"model":"m","stream":false,"stream_options":7}"#, true),
            (r#" { "model" : "m" } "#, true),
            (r#"{"model":"m","max_tokens":7,"max_completion_tokens":9}"#, true),
            (r#"{"model":"m","max_tokens":"7"}"#, true),
            (r#"{"n":2,"model":"m","best_of":[3]}"#, true),
            (r#"{"model":"a\u0062c"}"#, false),
            (r#"{"model":"m","stream":null}"#, false),
            (r#"{"model":"m","messages":[{"content":5}]}"#, false),
            (r#"{"model":"m","messages":[{"content":"\ud83d\ude80"}]}"#, false),
            (r#"{"model":"m","messages":[{"c\u006fntent":"x"}]}"#, false),
        ] {
            let seen = parse(body.as_bytes()).unwrap();
            assert_eq!(glance(body.as_bytes()), usual.then_some(seen), "{body}");
        }
    }

    #[test]
    fn what_the_parser_refuses_does_not_pass_at_a_glance() {
        for body in [
            &b"{\"model\":\"m\",\"x\":\"\xff\"}"[..],
            b"{\"model\":\"\xff\"}",
            b"{\"model\":\"m\",\"model\":\"n\"}",
            b"{\"model\":\"m\",\"x\":\"\n\"}",
            b"{\"model\":\"m\"} x",
            b"{\"model\":\"m\",\"stream\":true,\"stream_options\":[true]}",
            b"{\"model\":\"m\",\"messages\":null}",
        ] {
            assert!(parse(body).is_err());
            assert_eq!(glance(body), None);
        }
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
            (format!(r#"{{"model":"m","messages":"{}"}}"#, "x".repeat(5000)).as_bytes(), false),
            (format!(r#"{{"model":"m","stream":"{}"}}"#, "x".repeat(5000)).as_bytes(), false),
            (format!(r#"{{"model":"{}"}}"#, "x".repeat(5000)).as_bytes(), false),
        ] {
            let error = peek(body).unwrap_err();
            assert_eq!(matches!(error, PeekError::Json(_)), json, "{error}");
            assert!(error.to_string().len() < 200, "{error}");
        }
        assert_eq!(peek(b"{}").unwrap_err(), PeekError::NoModel);
        assert_eq!(peek(br#"{"model":null}"#).unwrap_err(), PeekError::NoModel);
    }
}
