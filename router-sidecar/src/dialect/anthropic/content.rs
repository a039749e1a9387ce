//! Messages of a conversation: turns of blocks, with the system's apart.

use super::tools::{ToolCall, input};
use crate::dialect::Unsupported;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One turn. The API wants all results of tools in the turn right after their calls, so consecutive messages of one
/// side are one turn.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// A part of a turn.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a RawValue>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
    },
}

/// Where the bytes of a block are.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: String, data: Cow<'a, str> },
    Url { url: Cow<'a, str> },
}

/// A message of Chat Completions.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow)]
    file: Option<File<'a>>,
    /// The API's own, for clients that know it.
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    file_data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    filename: Option<Cow<'a, str>>,
}

/// What the system says, and the turns.
type Conversation<'a> = (Vec<Block<'a>>, Vec<Turn<'a>>);

/// Sorts messages into turns. What the system says in between goes to the rest of it, in front.
pub(super) fn conversation(messages: Vec<Message<'_>>) -> Result<Conversation<'_>, Unsupported> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (place, message) in messages.into_iter().enumerate() {
        let at = |unsupported: Unsupported| {
            let param = format!("messages[{place}].{}", unsupported.param);
            Unsupported { param, ..unsupported }
        };
        if message.function_call.is_some() || message.audio.is_some() {
            return Err(at(Unsupported::new("function_call", "use tool_calls; there is no audio")));
        }
        let (role, content) = match message.role.as_ref() {
            "system" | "developer" => {
                system.extend(text_only(blocks(message.content).map_err(at)?).map_err(at)?);
                continue;
            }
            "user" => ("user", blocks(message.content).map_err(at)?),
            "assistant" => ("assistant", answered(message).map_err(at)?),
            "tool" => ("user", vec![tool_result(message).map_err(at)?]),
            other => {
                let message = format!("{other:?} is none of system, developer, user, assistant and tool");
                return Err(at(Unsupported::new("role", message)));
            }
        };
        match turns.last_mut() {
            _ if content.is_empty() => {}
            Some(turn) if turn.role == role => turn.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    Ok((system, turns))
}

fn answered(message: Message<'_>) -> Result<Vec<Block<'_>>, Unsupported> {
    let mut content = blocks(message.content)?;
    content.extend(message.refusal.and_then(text));
    for call in message.tool_calls.unwrap_or_default() {
        let input = input(&call)?;
        content.push(Block::ToolUse { id: call.id, name: call.function.name, input });
    }
    Ok(content)
}

fn tool_result(message: Message<'_>) -> Result<Block<'_>, Unsupported> {
    let id = message.tool_call_id;
    let tool_use_id = id.ok_or_else(|| Unsupported::new("tool_call_id", "it says whose result this is"))?;
    Ok(Block::ToolResult { tool_use_id, content: blocks(message.content)? })
}

fn text_only(blocks: Vec<Block<'_>>) -> Result<Vec<Block<'_>>, Unsupported> {
    if blocks.iter().all(|block| matches!(block, Block::Text { .. })) {
        return Ok(blocks);
    }
    Err(Unsupported::new("content", "the system can only say text"))
}

/// A text, or a list of parts. Empty text says nothing, and the API does not take it.
fn blocks(content: Option<&RawValue>) -> Result<Vec<Block<'_>>, Unsupported> {
    let Some(raw) = content else {
        return Ok(Vec::new());
    };
    let wrong = |error: serde_json::Error| Unsupported::new("content", error.to_string());
    if raw.get().starts_with('"') {
        let Plain(said) = serde_json::from_str(raw.get()).map_err(wrong)?;
        return Ok(text(said).into_iter().collect());
    }
    let parts: Vec<Part<'_>> = serde_json::from_str(raw.get()).map_err(wrong)?;
    let mut blocks = Vec::with_capacity(parts.len());
    for (place, part) in parts.into_iter().enumerate() {
        let block = block(part).map_err(|message| Unsupported::new(format!("content[{place}]"), message))?;
        blocks.extend(block);
    }
    Ok(blocks)
}

#[derive(Deserialize)]
struct Plain<'a>(#[serde(borrow)] Cow<'a, str>);

fn text(text: Cow<'_, str>) -> Option<Block<'_>> {
    (!text.is_empty()).then_some(Block::Text { text, cache_control: None })
}

fn block(part: Part<'_>) -> Result<Option<Block<'_>>, &'static str> {
    let cache_control = part.cache_control;
    Ok(match (part.kind.as_ref(), part.text, part.refusal, part.image_url, part.file) {
        ("text", Some(text), ..) | ("refusal", _, Some(text), ..) => {
            (!text.is_empty()).then_some(Block::Text { text, cache_control })
        }
        ("image_url", _, _, Some(image), _) => {
            Some(Block::Image { source: image_source(image.url)?, cache_control })
        }
        ("file", _, _, _, Some(File { file_data: Some(data), filename })) => {
            let source = embedded(&data).filter(|(media_type, _)| *media_type == "application/pdf");
            let (media_type, data) =
                source.ok_or("a file must be a data: URL of application/pdf in base64")?;
            let source = Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned().into() };
            Some(Block::Document { source, title: filename, cache_control })
        }
        _ => return Err("only text, image_url and file with file_data are known there"),
    })
}

fn image_source(url: Cow<'_, str>) -> Result<Source<'_>, &'static str> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Source::Url { url });
    }
    let found = embedded(&url).map(|(media_type, data)| (media_type.to_owned(), url.len() - data.len()));
    let (media_type, start) = found.ok_or("an image must be an http URL, or a data: URL in base64")?;
    let data = match url {
        Cow::Borrowed(url) => url.get(start..).map(Cow::Borrowed),
        Cow::Owned(url) => url.get(start..).map(|data| data.to_owned().into()),
    };
    Ok(Source::Base64 { media_type, data: data.unwrap_or_default() })
}

/// Media type and base64 of a `data:` URL (RFC 2397).
fn embedded(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?.split(';').next()?;
    (!media_type.is_empty()).then_some((media_type, data))
}
