//! A Chat Completions request as a Messages request.

use super::content::{Turn, conversation};
use super::fields::Fields;
use super::tools::{self, Choice, Tool};
use crate::dialect::Unsupported;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The limit of answers whose request has none: the API wants one, and all of its models take this one.
const MAX_TOKENS: u64 = 4096;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a RawValue,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<super::content::Block<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: Cow<'a, str>,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<OutputFormat<'a>>,
}

#[derive(Serialize)]
struct OutputFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

/// Text that may be borrowed.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
}

/// Translates a body.
///
/// # Errors
/// Something in it has no form there.
pub(super) fn translate(body: &[u8], model: &RawValue) -> Result<Bytes, Unsupported> {
    let mut fields = Fields::of(body)?;
    let (system, messages) = conversation(fields.take("messages")?.unwrap_or_default())?;
    if messages.is_empty() {
        return Err(Unsupported::new("messages", "give at least one that says something"));
    }
    let most: Option<u64> = fields.take("max_tokens")?;
    let most_completion: Option<u64> = fields.take("max_completion_tokens")?;
    let tools = tools::tools(fields.take("tools")?.unwrap_or_default())?;
    let choice = tools::choice(fields.take("tool_choice")?, fields.take("parallel_tool_calls")?)?;
    let user: Option<Text<'_>> = fields.take("user")?;
    let safety_identifier: Option<Text<'_>> = fields.take("safety_identifier")?;
    let request = Body {
        model,
        max_tokens: most_completion.or(most).unwrap_or(MAX_TOKENS),
        system,
        messages,
        stream: fields.take("stream")?,
        stop_sequences: stop(fields.take("stop")?)?,
        temperature: temperature(&mut fields)?,
        top_p: fields.raw("top_p"),
        // The API's own, for clients that know it.
        top_k: fields.raw("top_k"),
        thinking: fields.raw("thinking"),
        cache_control: fields.raw("cache_control"),
        tool_choice: choice.filter(|_| !tools.is_empty()),
        tools,
        output_config: output_config(&mut fields)?,
        metadata: safety_identifier.or(user).map(|Text(user_id)| Metadata { user_id }),
    };
    fields.finish()?;
    // Strings, numbers, and JSON that was just read: serialising them into memory cannot fail.
    serde_json::to_vec(&request).map(Bytes::from).map_err(|error| Unsupported::new("body", error.to_string()))
}

fn stop(stop: Option<Stop>) -> Result<Vec<Cow<'static, str>>, Unsupported> {
    let sequences = match stop {
        None => Vec::new(),
        Some(Stop::One(one)) => vec![one],
        Some(Stop::Many(many)) => many,
    };
    if sequences.iter().any(|sequence| sequence.trim().is_empty()) {
        return Err(Unsupported::new("stop", "a sequence needs more than white space in it"));
    }
    Ok(sequences.into_iter().map(Cow::Owned).collect())
}

fn temperature<'a>(fields: &mut Fields<'a>) -> Result<Option<&'a RawValue>, Unsupported> {
    let raw = fields.raw("temperature");
    let above = |raw: &&RawValue| serde_json::from_str::<f64>(raw.get()).is_ok_and(|value| value > 1.0);
    if raw.as_ref().is_some_and(above) {
        return Err(Unsupported::new("temperature", "1 is the highest there"));
    }
    Ok(raw)
}

fn output_config<'a>(fields: &mut Fields<'a>) -> Result<Option<OutputConfig<'a>>, Unsupported> {
    let effort = match fields.take::<Text<'a>>("reasoning_effort")?.map(|Text(effort)| effort) {
        None => None,
        Some(effort) => match effort.as_ref() {
            // Nothing is thought over unless asked.
            "none" => None,
            "minimal" => Some("low".into()),
            "low" | "medium" | "high" | "xhigh" | "max" => Some(effort),
            _ => return Err(Unsupported::new("reasoning_effort", "use low, medium, high, xhigh or max")),
        },
    };
    let format = match fields.take::<ResponseFormat<'a>>("response_format")? {
        None => None,
        Some(format) => match (format.kind.as_ref(), format.json_schema.and_then(|json| json.schema)) {
            ("text", _) => None,
            ("json_schema", Some(schema)) => Some(OutputFormat { kind: "json_schema", schema }),
            _ => {
                let message = "use json_schema with a schema: there is no other way to get JSON alone";
                return Err(Unsupported::new("response_format", message));
            }
        },
    };
    Ok((effort.is_some() || format.is_some()).then_some(OutputConfig { effort, format }))
}
