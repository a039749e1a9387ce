//! Bodies in OpenAI's format.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the provider reads of a request.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) model: String,
    #[serde(default)]
    pub(super) messages: Vec<Value>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    max_tokens: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A piece of an answer, with the completion tokens it carries.
pub(super) type Piece = (Bytes, u64);

impl Asked {
    /// Words in the messages: the prompt tokens.
    pub(super) fn prompt_tokens(&self) -> u64 {
        let words = |m: &Value| m["content"].as_str().map_or(0, |text| text.split_whitespace().count());
        self.messages.iter().map(words).sum::<usize>() as u64
    }

    fn words<'a>(&self, reply: &'a str) -> Vec<&'a str> {
        let limit = self.max_tokens.unwrap_or(usize::MAX);
        reply.split_inclusive(' ').take(limit).collect()
    }

    fn usage(&self, words: &[&str]) -> Value {
        let (prompt, completion) = (self.prompt_tokens(), words.len() as u64);
        json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
    }

    /// The whole answer as one piece.
    pub(super) fn whole(&self, reply: &str) -> Vec<Piece> {
        let words = self.words(reply);
        let body = json!({
            "id": "chatcmpl-stand-in", "object": "chat.completion", "created": 1_700_000_000, "model": self.model,
            "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                "message": {"role": "assistant", "content": words.concat()}}],
            "usage": self.usage(&words),
        });
        vec![(body.to_string().into(), words.len() as u64)]
    }

    /// The answer as events, usage at the end if asked for.
    pub(super) fn events(&self, reply: &str) -> Vec<Piece> {
        let words = self.words(reply);
        let asked_usage = self.stream_options.as_ref().is_some_and(|o| o.include_usage);
        let event = |choices: Value, usage: Option<Value>, tokens| {
            let mut chunk = json!({
                "id": "chatcmpl-stand-in", "object": "chat.completion.chunk", "created": 1_700_000_000,
                "model": self.model, "choices": choices,
            });
            if asked_usage {
                chunk["usage"] = usage.unwrap_or(Value::Null);
            }
            (Bytes::from(format!("data: {chunk}\n\n")), tokens)
        };
        let choice = |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        let mut pieces = vec![event(choice(json!({"role": "assistant", "content": ""}), None), None, 0)];
        pieces.extend(words.iter().map(|word| event(choice(json!({"content": word}), None), None, 1)));
        pieces.push(event(choice(json!({}), Some("stop")), None, 0));
        if asked_usage {
            pieces.push(event(json!([]), Some(self.usage(&words)), 0));
        }
        pieces.push((Bytes::from_static(b"data: [DONE]\n\n"), 0));
        pieces
    }
}

/// Cuts a body anew into pieces of `size` bytes; the tokens go with the last byte that carries them.
pub(super) fn cut(pieces: Vec<Piece>, size: usize) -> Vec<Piece> {
    if size == 0 {
        return pieces;
    }
    let mut cut = Vec::new();
    let (mut current, mut tokens) = (Vec::with_capacity(size), 0);
    for (bytes, carried) in pieces {
        let last = bytes.len().saturating_sub(1);
        for (at, byte) in bytes.into_iter().enumerate() {
            current.push(byte);
            tokens += if at == last { carried } else { 0 };
            if current.len() == size {
                cut.push((Bytes::from(std::mem::take(&mut current)), std::mem::take(&mut tokens)));
            }
        }
    }
    cut.push((current.into(), tokens));
    cut
}

/// An error body.
pub(super) fn error(message: &str, kind: &str, code: &str) -> Bytes {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string().into()
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
