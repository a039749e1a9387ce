//! A Messages answer, or error, as one of Chat Completions.

use super::finish_reason;
use super::usage::{Counted, Usage};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What goes on to the client of an error that is not in the dialect.
const MESSAGE_AT_MOST: usize = 300;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Counted,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Answer<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Answer<'a> {
    role: &'static str,
    /// `null` if there is none.
    content: Option<String>,
    refusal: (),
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Translates an answer that came whole.
pub(super) fn translate(body: &[u8], created: u64) -> Option<Bytes> {
    let message: Message<'_> = serde_json::from_slice(body).ok()?;
    let (mut content, mut reasoning_content, mut tool_calls) = (None, String::new(), Vec::new());
    for block in &message.content {
        match block.kind.as_ref() {
            "text" => {
                let said = block.text.as_deref().unwrap_or_default();
                content.get_or_insert_with(String::new).push_str(said);
            }
            "thinking" => reasoning_content.push_str(block.thinking.as_deref().unwrap_or_default()),
            "tool_use" => tool_calls.push(ToolCall {
                id: block.id.as_deref()?,
                kind: "function",
                function: Called {
                    name: block.name.as_deref()?,
                    arguments: block.input.map_or("{}", RawValue::get),
                },
            }),
            // Hidden thinking, and blocks of tools that no translated request asks for.
            _ => {}
        }
    }
    let completion = Completion {
        id: &message.id,
        object: "chat.completion",
        created,
        model: &message.model,
        choices: [Choice {
            index: 0,
            message: Answer { role: "assistant", content, refusal: (), reasoning_content, tool_calls },
            logprobs: (),
            finish_reason: finish_reason(message.stop_reason.as_deref().unwrap_or_default()),
        }],
        usage: message.usage.counted(),
    };
    serde_json::to_vec(&completion).ok().map(Bytes::from)
}

/// An error in the dialect.
#[derive(Deserialize)]
pub(super) struct Failed<'a> {
    #[serde(borrow)]
    error: Reported<'a>,
}

/// What went wrong.
#[derive(Deserialize)]
pub(super) struct Reported<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: (),
    code: (),
}

impl Reported<'_> {
    /// The body of an error in OpenAI's shape. The words are the API's own.
    pub(super) fn body(&self) -> Vec<u8> {
        error_body(&self.message, &self.kind)
    }
}

/// Translates the body of an error that says so itself, whatever its status says.
pub(super) fn reported(body: &[u8]) -> Option<Bytes> {
    let failed: Failed<'_> = serde_json::from_slice(body).ok()?;
    Some(failed.error.body().into())
}

/// Translates the body of an error.
pub(super) fn translate_error(body: &[u8]) -> Bytes {
    if let Some(error) = reported(body) {
        return error;
    }
    let text: String = String::from_utf8_lossy(body).chars().take(MESSAGE_AT_MOST).collect();
    error_body(&text, "api_error").into()
}

/// An error in OpenAI's shape.
pub(super) fn error_body(message: &str, kind: &str) -> Vec<u8> {
    let envelope = Envelope { error: ErrorBody { message, kind, param: (), code: () } };
    // Plain strings: serialising them into memory cannot fail.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
