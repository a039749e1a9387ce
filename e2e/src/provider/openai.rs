//! OpenAI's Chat Completions.

use super::Script;
use super::api::{Api, Asked, Piece, words_in};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const API: Api =
    Api { path: "/v1/chat/completions", key, ask, whole, events, error, error_event, overflow };

#[derive(Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    messages: Vec<Value>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    max_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

pub(super) fn key(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

fn ask(_: &HeaderMap, body: &[u8]) -> Result<Asked, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Ok(Asked {
        prompt_tokens: body.messages.iter().filter_map(|m| m["content"].as_str()).map(words_in).sum(),
        usage: body.stream_options.is_some_and(|options| options.include_usage),
        model: body.model,
        stream: body.stream,
        limit: body.max_tokens,
        tool: None,
        cached_tokens: 0,
    })
}

fn usage(asked: &Asked, words: &[&str]) -> Value {
    let (prompt, completion) = (asked.prompt_tokens, words.len() as u64);
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": asked.cached_tokens}})
}

fn whole(asked: &Asked, script: &Script) -> Vec<Piece> {
    let words = asked.words(script);
    let body = json!({
        "id": script.id, "object": "chat.completion", "created": script.created, "model": asked.model,
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": words.concat()}}],
        "usage": usage(asked, &words),
    });
    vec![(body.to_string().into(), words.len() as u64)]
}

/// Usage comes at the end if it was asked for.
fn events(asked: &Asked, script: &Script) -> Vec<Piece> {
    let words = asked.words(script);
    let event = |choices: Value, usage: Option<Value>, tokens| {
        let mut chunk = json!({
            "id": script.id, "object": "chat.completion.chunk", "created": script.created,
            "model": asked.model, "choices": choices,
        });
        if asked.usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        (Bytes::from(format!("data: {chunk}\n\n")), tokens)
    };
    let choice =
        |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
    let mut pieces = vec![event(choice(json!({"role": "assistant", "content": ""}), None), None, 0)];
    pieces.extend(words.iter().map(|word| event(choice(json!({"content": word}), None), None, 1)));
    pieces.push(event(choice(json!({}), Some("stop")), None, 0));
    if asked.usage {
        pieces.push(event(json!([]), Some(usage(asked, &words)), 0));
    }
    pieces.push((Bytes::from_static(b"data: [DONE]\n\n"), 0));
    pieces
}

/// An error body.
pub(super) fn error(message: &str, kind: &str, code: &str) -> Bytes {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string().into()
}

pub(super) fn error_event() -> Bytes {
    [b"data: ", &error("overloaded", "server_error", "overloaded")[..], b"\n\n"].concat().into()
}

/// What llama-server says to a prompt that does not fit.
pub(super) fn overflow() -> Bytes {
    json!({"error": {
        "code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9001, "n_ctx": 8192,
        "message": "request (9001 tokens) exceeds the available context size (8192 tokens), try increasing it",
    }})
    .to_string()
    .into()
}
