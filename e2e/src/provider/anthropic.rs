//! Anthropic's Messages, as strict about what it takes as the real one.

use super::Script;
use super::api::{Api, Asked, Piece, words_in};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const API: Api =
    Api { path: "/v1/messages", key, ask, whole, events, error, error_event, overflow };

/// Every field that the API has; others are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    model: String,
    max_tokens: usize,
    messages: Vec<Turn>,
    #[serde(default)]
    system: Value,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    tool_choice: Option<ToolChoice>,
    #[serde(rename = "tools", default)]
    _tools: Vec<Tool>,
    #[serde(rename = "stop_sequences", default)]
    _stop_sequences: Vec<String>,
    #[serde(rename = "temperature")]
    _temperature: Option<f64>,
    #[serde(rename = "top_p")]
    _top_p: Option<f64>,
    #[serde(rename = "top_k")]
    _top_k: Option<u32>,
    #[serde(rename = "metadata")]
    _metadata: Option<Value>,
    #[serde(rename = "thinking")]
    _thinking: Option<Value>,
    #[serde(rename = "output_config")]
    _output_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    role: String,
    content: Value,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "input_schema")]
    _input_schema: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct ToolChoice {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
}

/// In `x-api-key`, as the reference has it, or as a bearer, as the API's own client for Python sends it since 2026.
fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = || headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ");
    headers.get("x-api-key").map(HeaderValue::as_bytes).or_else(bearer)
}

fn ask(headers: &HeaderMap, body: &[u8]) -> Result<Asked, String> {
    if !headers.contains_key("anthropic-version") {
        return Err("anthropic-version: header is required".to_owned());
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let first = body.messages.first().ok_or("messages: at least one message is required")?;
    if first.role != "user" {
        return Err("messages: first message must use the \"user\" role".to_owned());
    }
    let mut prompt_tokens = text_in(&body.system)?;
    for turn in &body.messages {
        if !matches!(turn.role.as_str(), "user" | "assistant") {
            return Err(format!("messages: unexpected role {:?}", turn.role));
        }
        prompt_tokens += text_in(&turn.content)?;
    }
    let tool = body.tool_choice.filter(|choice| choice.kind == "tool").and_then(|choice| choice.name);
    let (model, stream) = (body.model, body.stream);
    Ok(Asked {
        model,
        stream,
        prompt_tokens,
        usage: true,
        limit: Some(body.max_tokens),
        tool,
        cached_tokens: 0,
    })
}

/// Words in text, blocks of text, and results of tools.
fn text_in(content: &Value) -> Result<u64, String> {
    match content {
        Value::String(text) => Ok(words_in(text)),
        Value::Array(blocks) => blocks.iter().map(block).sum(),
        Value::Null => Ok(0),
        _ => Err("content: input should be a string or a list of blocks".to_owned()),
    }
}

fn block(block: &Value) -> Result<u64, String> {
    match block["type"].as_str() {
        Some("text") => match block["text"].as_str() {
            Some(text) if !text.is_empty() => Ok(words_in(text)),
            _ => Err("text content blocks must be non-empty".to_owned()),
        },
        Some("tool_result") => text_in(&block["content"]),
        Some("tool_use") if block["input"].is_object() => Ok(0),
        Some("image" | "document") if block["source"].is_object() => Ok(0),
        _ => Err(format!("content: {block} is not a block")),
    }
}

fn usage(asked: &Asked, output: usize) -> Value {
    json!({"input_tokens": asked.prompt_tokens - asked.cached_tokens, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": asked.cached_tokens, "output_tokens": output})
}

fn stop_reason(asked: &Asked) -> &'static str {
    if asked.tool.is_some() { "tool_use" } else { "end_turn" }
}

/// The answer says the reply; or calls the tool that it must, with the reply as its text.
fn whole(asked: &Asked, script: &Script) -> Vec<Piece> {
    let words = asked.words(script);
    let content = match &asked.tool {
        None => json!({"type": "text", "text": words.concat()}),
        Some(name) => {
            json!({"type": "tool_use", "id": "toolu_stand-in", "name": name, "input": {"text": words.concat()}})
        }
    };
    let body = json!({
        "id": script.id, "type": "message", "role": "assistant", "model": asked.model, "content": [content],
        "stop_reason": stop_reason(asked), "stop_sequence": null, "usage": usage(asked, words.len()),
    });
    vec![(body.to_string().into(), words.len() as u64)]
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

/// A piece that begins, one for each word, and two that end: as many as with the other API.
fn events(asked: &Asked, script: &Script) -> Vec<Piece> {
    let words = asked.words(script);
    let message = json!({"id": script.id, "type": "message", "role": "assistant", "model": asked.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage(asked, 1)});
    let block = match &asked.tool {
        None => json!({"type": "text", "text": ""}),
        Some(name) => json!({"type": "tool_use", "id": "toolu_stand-in", "name": name, "input": {}}),
    };
    let delta = |word: &str| {
        let delta = if asked.tool.is_some() {
            let escaped = Value::from(word).to_string();
            json!({"type": "input_json_delta", "partial_json": escaped.trim_matches('"')})
        } else {
            json!({"type": "text_delta", "text": word})
        };
        event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    };
    let frame = |json: &str| {
        let delta = json!({"type": "input_json_delta", "partial_json": json});
        let frame = event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        if asked.tool.is_some() { frame } else { String::new() }
    };
    let begin = event(&json!({"type": "message_start", "message": message}))
        + &event(&json!({"type": "content_block_start", "index": 0, "content_block": block}))
        + &event(&json!({"type": "ping"}))
        + &frame("{\"text\":\"");
    let end = frame("\"}")
        + &event(&json!({"type": "content_block_stop", "index": 0}))
        + &event(&json!({"type": "message_delta", "usage": usage(asked, words.len()),
            "delta": {"stop_reason": stop_reason(asked), "stop_sequence": null}}));
    let mut pieces: Vec<Piece> = vec![(begin.into(), 0)];
    pieces.extend(words.iter().map(|word| (delta(word).into(), 1)));
    pieces.extend([(end.into(), 0), (event(&json!({"type": "message_stop"})).into(), 0)]);
    pieces
}

/// The API has no codes, but types of its own.
fn error(message: &str, kind: &str, code: &str) -> Bytes {
    let kind = match (kind, code) {
        (_, "invalid_api_key") => "authentication_error",
        (_, "model_not_found") => "not_found_error",
        ("server_error", _) => "api_error",
        _ => kind,
    };
    let error = json!({"type": kind, "message": message});
    json!({"type": "error", "error": error, "request_id": "req_stand-in"}).to_string().into()
}

fn error_event() -> Bytes {
    event(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})).into()
}

fn overflow() -> Bytes {
    error("prompt is too long: 210043 tokens > 200000 maximum", "invalid_request_error", "")
}
