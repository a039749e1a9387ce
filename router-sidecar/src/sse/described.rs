//! What an answer says of itself besides its usage, for spans.

use super::chunk::reason;
use super::inspect::ends_a_choice;
use serde::Deserialize;

/// Choices whose end is told apart.
const CHOICES: usize = 16;
/// Characters of an id, a name or a reason. Longer ones are cut: they are the target's to choose.
const LENGTH: usize = 256;

/// Id, model, and why each choice ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Its id.
    pub id: Option<String>,
    /// The model that it names.
    pub model: Option<String>,
    /// Why each choice ended, in the order in which they did.
    pub finish_reasons: Vec<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
}

#[derive(Deserialize)]
struct Ended {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, deserialize_with = "reason")]
    finish_reason: Option<String>,
}

impl Described {
    /// Reads a chunk of it, or all of it.
    pub(crate) fn add(&mut self, data: &[u8]) {
        if self.model.is_none()
            && let Ok(Named { id, model }) = serde_json::from_slice(data)
        {
            (self.id, self.model) = (id.map(short), model.map(short));
        }
        // Of the hundreds of chunks that a stream may have, the last alone says this.
        if ends_a_choice(data)
            && let Ok(Ended { choices }) = serde_json::from_slice(data)
        {
            let room = CHOICES.saturating_sub(self.finish_reasons.len());
            let reasons = choices.into_iter().filter_map(|choice| choice.finish_reason);
            self.finish_reasons.extend(reasons.take(room).map(short));
        }
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_and_an_answer_in_one_piece_say_the_same() {
        let mut stream = Described::default();
        for chunk in [
            r#"{"id":"c1","model":"small","choices":[{"delta":{"content":"\"finish_reason\":\"no\""},"finish_reason":null}]}"#,
            r#"{"id":"c1","model":"small","choices":[{"delta":{},"finish_reason":""},{"index":1,"finish_reason":"null"}]}"#,
            r#"{"id":"c1","model":"small","choices":[{"delta":{},"finish_reason" : "stop"}]}"#,
            r#"{"id":"c1","model":"small","choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
            r#"{"choices":[],"usage":{}}"#,
            "[DONE]",
        ] {
            stream.add(chunk.as_bytes());
        }
        let mut whole = Described::default();
        whole.add(
            br#"{"model":"small","choices":[{"finish_reason":"stop"},{"finish_reason":"length"}],"id":"c1"}"#,
        );
        assert_eq!(stream, whole);
        assert_eq!(stream.finish_reasons, ["stop", "length"]);
        assert_eq!((stream.id.as_deref(), stream.model.as_deref()), (Some("c1"), Some("small")));
    }

    #[test]
    fn what_a_target_says_is_bounded() {
        let mut described = Described::default();
        let many = format!("[{}null]", r#"{"finish_reason":"für"},"#.repeat(50));
        described.add(format!(r#"{{"model":"{}"}}"#, "ü".repeat(1000)).as_bytes());
        for _ in 0..3 {
            described.add(format!(r#"{{"choices":{}}}"#, many.replace(",null", "")).as_bytes());
        }
        assert_eq!(described.model.unwrap().chars().count(), LENGTH);
        assert_eq!(described.finish_reasons.len(), CHOICES);
    }
}
