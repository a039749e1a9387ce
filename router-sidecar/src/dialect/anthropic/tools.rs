//! Tools: what there are, which to use, and calls of them.

use crate::dialect::Unsupported;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A tool of Chat Completions.
#[derive(Deserialize)]
pub(super) struct Offered<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

/// The same for Anthropic.
#[derive(Serialize)]
pub(super) struct Tool<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    input_schema: Schema<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a RawValue>,
}

/// What a tool takes.
#[derive(Serialize)]
#[serde(untagged)]
enum Schema<'a> {
    Given(&'a RawValue),
    /// Nothing.
    Nothing {
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

/// Which tool to use.
#[derive(Serialize)]
pub(super) struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

/// A call of a tool in an earlier answer.
#[derive(Deserialize)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) function: Called<'a>,
}

/// What was called.
#[derive(Deserialize)]
pub(super) struct Called<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    function: Option<NamedFunction<'a>>,
}

#[derive(Deserialize)]
struct NamedFunction<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Translates the tools there are.
pub(super) fn tools(offered: Vec<Offered<'_>>) -> Result<Vec<Tool<'_>>, Unsupported> {
    offered.into_iter().enumerate().map(|(place, offered)| tool(place, offered)).collect()
}

fn tool(place: usize, offered: Offered<'_>) -> Result<Tool<'_>, Unsupported> {
    match offered.function {
        Some(function) if offered.kind == "function" => Ok(Tool {
            name: function.name,
            description: function.description,
            input_schema: function.parameters.map_or(Schema::Nothing { kind: "object" }, Schema::Given),
            strict: function.strict.unwrap_or(false),
            cache_control: offered.cache_control,
        }),
        _ => Err(Unsupported::new(format!("tools[{place}]"), "only functions are known there")),
    }
}

/// Translates the choice between them.
pub(super) fn choice(
    choice: Option<&RawValue>,
    parallel: Option<bool>,
) -> Result<Option<Choice<'_>>, Unsupported> {
    let disable_parallel_tool_use = parallel == Some(false);
    let (kind, name) = match choice.map(RawValue::get) {
        None if !disable_parallel_tool_use => return Ok(None),
        None | Some("null" | r#""auto""#) => ("auto", None),
        Some(r#""required""#) => ("any", None),
        Some(r#""none""#) => {
            return Ok(Some(Choice { kind: "none", name: None, disable_parallel_tool_use: false }));
        }
        Some(other) => match serde_json::from_str::<Named<'_>>(other) {
            Ok(Named { kind, function: Some(function) }) if kind == "function" => {
                ("tool", Some(function.name))
            }
            _ => return Err(Unsupported::new("tool_choice", "use none, auto, required or one function")),
        },
    };
    Ok(Some(Choice { kind, name, disable_parallel_tool_use }))
}

/// The arguments of a call as the object that they are the text of.
pub(super) fn input(call: &ToolCall<'_>) -> Result<Box<RawValue>, Unsupported> {
    let arguments = match call.function.arguments.trim() {
        "" => "{}",
        some => some,
    };
    let wrong = || Unsupported::new("tool_calls", "arguments must be the JSON of an object");
    let input = RawValue::from_string(arguments.to_owned()).map_err(|_| wrong())?;
    if input.get().starts_with('{') { Ok(input) } else { Err(wrong()) }
}
