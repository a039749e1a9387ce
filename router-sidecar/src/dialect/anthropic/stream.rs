//! A stream of Messages events as chunks of Chat Completions.

use super::answer::{Reported, error_body};
use super::finish_reason;
use super::usage::{Counted, Usage};
use crate::account::Tokens;
use crate::dialect::StreamDecoder;
use crate::sse::{Splitter, TooLong, data_of};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Decoder {
    splitter: Splitter,
    said: Said,
}

/// What was said so far.
#[derive(Debug)]
struct Said {
    id: String,
    model: String,
    created: u64,
    usage: Usage,
    /// Calls of tools begun.
    calls: u32,
    /// Whether a call is open, and whether it has arguments already.
    open: Option<bool>,
    /// Nothing follows.
    over: bool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    error: Option<Reported<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
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
}

/// Of a block, or of the message.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Counted>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Piece<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Piece<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call<'a>; 1]>,
}

#[derive(Serialize)]
struct Call<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl Decoder {
    /// For a stream that begins now.
    pub(super) fn new(created: u64) -> Self {
        let said = Said {
            id: String::new(),
            model: String::new(),
            created,
            usage: Usage::default(),
            calls: 0,
            open: None,
            over: false,
        };
        Self { splitter: Splitter::default(), said }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let said = &mut self.said;
        let split = self.splitter.push(piece, |event| said.event(event, out));
        if split == Err(TooLong) && !self.said.over {
            self.said.fail("an event of the stream is too long", out);
        }
    }

    fn prompt_tokens(&self) -> Option<Tokens> {
        self.said.usage.prompt_tokens()
    }
}

impl Said {
    /// Takes an event. What is not known is passed over, as the API asks of its clients.
    fn event(&mut self, event: &[u8], out: &mut Vec<u8>) {
        let Some(data) = data_of(event).filter(|_| !self.over) else {
            return;
        };
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
            return self.fail("an event of the stream cannot be read", out);
        };
        match (event.kind.as_ref(), event.message, event.content_block, event.delta) {
            ("message_start", Some(message), ..) => {
                self.id = message.id.into_owned();
                self.model = message.model.into_owned();
                self.usage = message.usage;
                let role = Piece { role: Some("assistant"), content: Some(""), ..Piece::default() };
                self.chunk(role, None, out);
            }
            ("content_block_start", _, Some(block), _) => self.begin(&block, out),
            ("content_block_delta", .., Some(delta)) => self.go_on(&delta, out),
            ("content_block_stop", ..) => self.end_block(out),
            ("message_delta", .., delta) => {
                self.usage.update(event.usage.unwrap_or_default());
                if let Some(reason) = delta.and_then(|delta| delta.stop_reason) {
                    self.chunk(Piece::default(), Some(finish_reason(&reason)), out);
                }
            }
            ("message_stop", ..) => {
                self.write(&[], Some(self.usage.counted()), out);
                out.extend_from_slice(b"data: [DONE]\n\n");
                self.over = true;
            }
            // Keeps the client's connection alive as well.
            ("ping", ..) => out.extend_from_slice(b": ping\n\n"),
            ("error", ..) => {
                let body = event.error.map_or_else(|| error_body("", "api_error"), |error| error.body());
                self.error(&body, out);
            }
            _ => {}
        }
    }

    fn begin(&mut self, block: &Block<'_>, out: &mut Vec<u8>) {
        match block.kind.as_ref() {
            "text" => self.text(block.text.as_deref(), out),
            "thinking" => self.thinking(block.thinking.as_deref(), out),
            "tool_use" => {
                self.open = Some(false);
                let call = Call {
                    index: self.calls,
                    id: block.id.as_deref(),
                    kind: Some("function"),
                    function: Called { name: block.name.as_deref(), arguments: "" },
                };
                self.calls = self.calls.saturating_add(1);
                self.chunk(Piece { tool_calls: Some([call]), ..Piece::default() }, None, out);
            }
            _ => {}
        }
    }

    /// A call without arguments is one with an empty object of them.
    fn end_block(&mut self, out: &mut Vec<u8>) {
        if self.open.take() == Some(false) {
            self.arguments("{}", out);
        }
    }

    fn go_on(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        self.text(delta.text.as_deref(), out);
        self.thinking(delta.thinking.as_deref(), out);
        // Only of calls: input of the provider's own tools is nothing to the client.
        if let (Some(part), Some(_)) =
            (delta.partial_json.as_deref().filter(|part| !part.is_empty()), self.open)
        {
            self.open = Some(true);
            self.arguments(part, out);
        }
    }

    fn text(&self, text: Option<&str>, out: &mut Vec<u8>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.chunk(Piece { content: Some(text), ..Piece::default() }, None, out);
        }
    }

    fn thinking(&self, text: Option<&str>, out: &mut Vec<u8>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.chunk(Piece { reasoning_content: Some(text), ..Piece::default() }, None, out);
        }
    }

    /// Arguments of the last call.
    fn arguments(&self, arguments: &str, out: &mut Vec<u8>) {
        let index = self.calls.saturating_sub(1);
        let call = Call { index, id: None, kind: None, function: Called { name: None, arguments } };
        self.chunk(Piece { tool_calls: Some([call]), ..Piece::default() }, None, out);
    }

    fn fail(&mut self, message: &str, out: &mut Vec<u8>) {
        self.error(&error_body(message, "api_error"), out);
    }

    fn error(&mut self, body: &[u8], out: &mut Vec<u8>) {
        self.over = true;
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(body);
        out.extend_from_slice(b"\n\n");
    }

    fn chunk(&self, delta: Piece<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        self.write(&[Choice { index: 0, delta, logprobs: (), finish_reason }], None, out);
    }

    fn write(&self, choices: &[Choice<'_>], usage: Option<Counted>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        };
        out.extend_from_slice(b"data: ");
        // Strings and numbers: serialising them into memory cannot fail.
        drop(serde_json::to_writer(&mut *out, &chunk));
        out.extend_from_slice(b"\n\n");
    }
}
