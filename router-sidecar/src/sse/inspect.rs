//! What one event says: usage, an error, a piece of text.

use super::chunk::{Choice, GOES_ON, is_empty};
use crate::account::Tokens;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::sync::LazyLock;

/// Finds the field that reports usage. Made once: every chunk is searched, and making it takes longer than the search.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Finds the field that holds an error.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));

/// Finds the field that says why a choice ended.
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));

/// Finds the fields that hold text in most chunks, up to where it begins.
static TEXT: LazyLock<[Finder<'static>; 4]> = LazyLock::new(|| {
    let fields = ["\"content\":\"", "\"content\": \"", "\"reasoning_content\":\"", "\"arguments\":\""];
    fields.map(Finder::new)
});

/// What an event turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A comment, or an event without data.
    Nothing,
    /// A chunk before the first content: it names the role, reports on filters, or says nothing.
    Prelude {
        /// What it reports besides.
        usage: Option<Tokens>,
    },
    /// A chunk of the answer.
    Chunk {
        /// Whether it holds content, reasoning or a tool call.
        text: bool,
        /// What it reports besides: some targets do in each.
        usage: Option<Tokens>,
    },
    /// The extra chunk that `include_usage` adds: no choices, only usage.
    UsageOnly(Tokens),
    /// An error in the place of a chunk.
    Error,
    /// `[DONE]`.
    Done,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct MaybeError<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    object: Option<String>,
}

impl Seen {
    /// What it reports.
    pub(super) fn usage(self) -> Option<Tokens> {
        match self {
            Self::Prelude { usage } | Self::Chunk { usage, .. } => usage,
            Self::UsageOnly(tokens) => Some(tokens),
            Self::Nothing | Self::Error | Self::Done => None,
        }
    }

    /// Reads one event. Before the first content, more is looked at: nothing has gone to the client yet, and what has
    /// no content may be held back.
    pub(super) fn in_event(event: &[u8], before_content: bool) -> Self {
        let Some(data) = data_of(event) else {
            return Self::Nothing;
        };
        if data == b"[DONE]" {
            return Self::Done;
        }
        let mut text = has_text(data);
        // After the first content what has text is no error, so that most chunks are not searched for one.
        let may_be_error =
            data.starts_with(b"{\"error\"") || ((before_content || !text) && ERROR.find(data).is_some());
        if may_be_error && is_error(data) {
            return Self::Error;
        }
        let mut usage = None;
        if may_have_usage(data)
            && let Ok(Chunk { choices, usage: Some(tokens) }) = serde_json::from_slice(data)
        {
            if choices.is_none_or(|c| c.is_empty()) {
                return Self::UsageOnly(tokens);
            }
            usage = Some(tokens);
        }
        if !text && !ends_a_choice(data) {
            match says_anything(data) {
                Some(false) if before_content => return Self::Prelude { usage },
                says => text = says == Some(true),
            }
        }
        Self::Chunk { text, usage }
    }
}

/// Whether any delta of a chunk holds something besides the role: content in parts, or under a name of the engine's own.
/// None if it is no chunk.
fn says_anything(data: &[u8]) -> Option<bool> {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<Choice>,
    }
    let chunk: Chunk = serde_json::from_slice(data).ok()?;
    let mut says = false;
    for choice in chunk.choices {
        says |= choice.delta?.iter().any(|(field, value)| field != "role" && !is_empty(value));
    }
    Some(says)
}

/// The usage in an answer that came whole.
pub fn usage_of(body: &[u8]) -> Option<Tokens> {
    #[derive(Deserialize)]
    struct Answer {
        usage: Option<Tokens>,
    }
    // Inside of a string its quotes would have backslashes, so this is the field if it is there once, which spares
    // a parse of all that was generated.
    let mut places = USAGE.find_iter(body);
    let place = places.next()?;
    if places.next().is_none()
        && let Some(tokens) =
            body.get(place..).and_then(|field| tokens_after_colon(field.get(USAGE.needle().len()..)?))
    {
        return Some(tokens);
    }
    serde_json::from_slice::<Answer>(body).ok()?.usage
}

/// The object after a colon, whatever follows it.
fn tokens_after_colon(text: &[u8]) -> Option<Tokens> {
    let value = text.trim_ascii_start().strip_prefix(b":")?;
    Tokens::deserialize(&mut serde_json::Deserializer::from_slice(value)).ok()
}

/// The data of an event with one `data:` line, as every provider sends it. With more, the first one.
pub(crate) fn data_of(event: &[u8]) -> Option<&[u8]> {
    let mut lines = event.split(|byte| *byte == b'\n');
    let data = lines.find_map(|line| line.strip_prefix(b"data:"))?;
    Some(data.trim_ascii())
}

/// Whether JSON is an error in the place of a chunk or of an answer.
pub(crate) fn is_error(data: &[u8]) -> bool {
    let Ok(data) = serde_json::from_slice::<MaybeError<'_>>(data) else {
        return false;
    };
    // vLLM and SGLang before they nested it: {"object":"error","message":…}.
    let old = data.object.as_deref() == Some("error");
    old || data.error.is_some_and(|error| !["null", "false", "\"\""].contains(&error.get()))
}

/// Whether `"usage":` is there with anything but `null`. Spares a parse per chunk: providers that are asked for
/// usage put `"usage":null` into every one.
fn may_have_usage(data: &[u8]) -> bool {
    values(data, &USAGE).any(|value| value.starts_with(b"{"))
}

/// Whether a reason is there why a choice ended; chunks before that have `"finish_reason":null`, or none.
pub(super) fn ends_a_choice(data: &[u8]) -> bool {
    values(data, &FINISH).filter_map(|value| value.strip_prefix(b"\"")).any(|value| {
        let is =
            |said: &&str| value.strip_prefix(said.as_bytes()).is_some_and(|rest| rest.starts_with(b"\""));
        !GOES_ON.iter().any(is)
    })
}

/// What comes after a field's colon, wherever the field is.
fn values<'a>(data: &'a [u8], field: &'static Finder<'static>) -> impl Iterator<Item = &'a [u8]> {
    field.find_iter(data).filter_map(|at| {
        let after = data.get(at + field.needle().len()..)?.trim_ascii_start();
        after.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
    })
}

/// Whether a chunk surely carries text: what an estimate counts when no usage comes.
fn has_text(data: &[u8]) -> bool {
    TEXT.iter().any(|field| {
        let after = field.find(data).and_then(|at| data.get(at + field.needle().len()));
        after.is_some_and(|byte| *byte != b'"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, something else of the answer, and nothing yet.
    const TEXT: Seen = Seen::Chunk { text: true, usage: None };
    const OTHER: Seen = Seen::Chunk { text: false, usage: None };
    const PRELUDE: Seen = Seen::Prelude { usage: None };

    #[test]
    fn usage_is_found_in_an_answer_and_not_made_up() {
        let tokens = Some(Tokens::new(3, 5));
        let usage = r#""usage" : {"prompt_tokens":3,"completion_tokens":5,"details":{"x":1}}"#;
        let quoted = r#""content":"\"usage\":{\"prompt_tokens\":9}""#;
        for (body, expected) in [
            (format!("{{{usage}}}"), tokens),
            (format!("{{{quoted},{usage},\"id\":\"x\"}}"), tokens),
            (format!("{{{quoted}}}"), None),
            (format!("{{\"choices\":[\"usage\"],{usage}}}"), tokens),
            (format!("{{\"choices\":[{{\"usage\":{{\"prompt_tokens\":9}}}}],{usage}}}"), tokens),
            (r#"{"usage":null}"#.to_owned(), None),
            (r#"{"usage":7}"#.to_owned(), None),
            (r#"{"choices":["usage"]}"#.to_owned(), None),
            ("<html>usage</html>".to_owned(), None),
        ] {
            assert_eq!(usage_of(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn events_are_told_apart() {
        let tokens = Tokens::new(3, 5);
        for (event, seen) in [
            (": keep-alive\n\n", Seen::Nothing),
            ("data: [DONE]\n\n", Seen::Done),
            ("data:{\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n", TEXT),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\r\n\r\n", PRELUDE),
            ("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n", PRELUDE),
            ("data: {\"choices\":[],\"prompt_filter_results\":[{}]}\n\n", PRELUDE),
            ("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", OTHER),
            (
                "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0}]}}]}\n\n",
                TEXT,
            ),
            ("data: {\"object\":\"error\",\"message\":\"busy\"}\n\n", Seen::Error),
            (
                "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,\"x\":{}}}\n\n",
                Seen::UsageOnly(tokens),
            ),
            (
                "data: {\"choices\":[{}],\"usage\" : {\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n",
                Seen::Chunk { text: false, usage: Some(tokens) },
            ),
            ("event: error\ndata: {\"error\":{\"message\":\"busy\"}}\n\n", Seen::Error),
            ("data: {\"error\":null,\"choices\":[]}\n\n", PRELUDE),
            ("data: not json with \"usage\":{\n\n", OTHER),
        ] {
            assert_eq!(Seen::in_event(event.as_bytes(), true), seen, "{event}");
        }
    }

    #[test]
    fn an_error_beside_other_fields_is_one_after_content_as_well() {
        let beside = |error: &str| {
            format!(
                "data: {{\"id\":\"x\",\"error\":{error},\"choices\":[{{\"delta\":{{\"content\":\"\"}},\"finish_reason\":\"error\"}}]}}\n\n"
            )
        };
        let usage = "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":3},\"error\":{\"code\":502}}\n\n";
        for (event, seen) in [
            (beside("{\"code\":502,\"message\":\"no provider\"}"), Seen::Error),
            (beside("\"no provider\""), Seen::Error),
            (beside("null"), OTHER),
            (beside("false"), OTHER),
            (beside("\"\""), OTHER),
            (usage.to_owned(), Seen::Error),
            ("data: {\"object\":\"error\",\"message\":\"busy\"}\n\n".to_owned(), Seen::Error),
            // Of what is said, nothing is.
            (beside("null").replacen("\"content\":\"\"", "\"content\":\"\\\"error\\\": {\"", 1), TEXT),
        ] {
            assert_eq!(Seen::in_event(event.as_bytes(), false), seen, "{event}");
        }
        let quotes = "data: {\"id\":\"x\",\"error\":{\"said\":{\"content\":\"word\"}}}\n\n";
        assert_eq!(Seen::in_event(quotes.as_bytes(), true), Seen::Error);
    }

    #[test]
    fn what_is_said_counts_under_any_name_and_in_parts() {
        let chunk = |delta: &str, rest: &str| {
            format!("data: {{\"choices\":[{{\"delta\":{{{delta}}},\"finish_reason\":null}}]{rest}}}\n\n")
        };
        for delta in [
            r#""reasoning":"hm""#,
            r#""reasoning_content": "hm""#,
            r#""content":[{"type":"text","text":"a"}]"#,
            r#""role":"assistant","tool_calls":[{"index":0,"function":{"name":"look","arguments":""}}]"#,
        ] {
            for before_content in [true, false] {
                assert_eq!(Seen::in_event(chunk(delta, "").as_bytes(), before_content), TEXT, "{delta}");
            }
        }
        for (goes_on, ends) in [("\"\"", false), ("\"null\"", false), ("null", false), ("\"stop\"", true)] {
            let role = chunk(r#""role":"assistant","content":"""#, "").replace("null", goes_on);
            assert_eq!(Seen::in_event(role.as_bytes(), true), if ends { OTHER } else { PRELUDE }, "{role}");
            assert_eq!(Seen::in_event(role.as_bytes(), false), OTHER, "{role}");
        }
        let usage = r#","usage":{"prompt_tokens":3,"completion_tokens":0}"#;
        let role = chunk(r#""role":"assistant","content":"""#, usage);
        let tokens = Some(Tokens::new(3, 0));
        assert_eq!(Seen::in_event(role.as_bytes(), true), Seen::Prelude { usage: tokens });
        assert_eq!(Seen::in_event(role.as_bytes(), false), Seen::Chunk { text: false, usage: tokens });
    }

    #[test]
    fn text_about_usage_is_not_usage() {
        let event = br#"data: {"choices":[{"delta":{"content":"\"usage\": {\"prompt_tokens\":9}"}}]}"#;
        assert_eq!(Seen::in_event(event, false), TEXT);
    }
}
