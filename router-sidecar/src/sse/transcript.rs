//! What a client has been sent of an answer, as far as another target could go on with it.

use super::Identity;
use super::chunk::{Chunk, is_empty};
use serde_json::Value;

/// Longer answers are not kept, and so not continued.
const KEEP_AT_MOST: usize = 256 * 1024;

/// The text of one choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    text: String,
    /// That of the first chunk.
    identity: Option<Identity>,
    /// Something was sent that a text cannot hold, or the answer is over.
    closed: bool,
}

impl Transcript {
    /// The text so far, if all that was sent is in it and it can go on: tool calls, reasoning, a second choice or an
    /// answer that is over cannot.
    pub fn text(&self) -> Option<&str> {
        (!self.closed && !self.text.is_empty()).then_some(self.text.as_str())
    }

    /// What the client knows the stream by.
    pub(super) fn identity(&self) -> Identity {
        self.identity.clone().unwrap_or_default()
    }

    /// An event that the client gets.
    pub(super) fn add(&mut self, data: &[u8]) {
        if self.closed {
            return;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            self.close();
            return;
        };
        if self.identity.is_none() {
            self.identity = Identity::of(data);
        }
        for choice in chunk.choices {
            let delta = choice.delta.unwrap_or_default();
            let plain = delta.iter().all(|(field, value)| match field.as_str() {
                "role" => true,
                "content" => value.is_string() || value.is_null(),
                _ => is_empty(value),
            });
            if choice.index != 0 || choice.finish_reason.is_some() || !plain {
                self.close();
                return;
            }
            if let Some(Value::String(text)) = delta.get("content") {
                self.text.push_str(text);
            }
        }
        if self.text.len() > KEEP_AT_MOST {
            self.close();
        }
    }

    /// It cannot go on from here.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.text = String::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(chunks: &[&str]) -> Option<String> {
        let mut transcript = Transcript::default();
        for chunk in chunks {
            transcript.add(chunk.as_bytes());
        }
        transcript.text().map(str::to_owned)
    }

    #[test]
    fn text_adds_up_and_anything_else_closes_it() {
        let role = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[]}}]}"#;
        let a = r#"{"choices":[{"index":0,"delta":{"content":"a\n"},"finish_reason":null}],"usage":null}"#;
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":1}}"#;
        assert_eq!(after(&[role, a, usage, a]).as_deref(), Some("a\na\n"));
        for goes_on in ["\"\"", "\"null\""] {
            let a = a.replace("null},", &format!("{goes_on}}},")).replace("null}]", &format!("{goes_on}}}]"));
            assert_eq!(after(&[role, &a, usage, &a]).as_deref(), Some("a\na\n"), "{a}");
        }
        assert_eq!(after(&[role]), None, "nothing was sent");
        for other in [
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
            "not json",
        ] {
            assert_eq!(after(&[a, other, a]), None, "{other}");
        }
        let long = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(KEEP_AT_MOST + 1));
        assert_eq!(after(&[&long]), None);
    }
}
