//! What makes chunks one stream to a client: their `id`, `created` and `model`.

use super::inspect::data_of;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

/// The three fields of a stream's chunks, as JSON; absent where the chunks have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity([Option<Box<str>>; 3]);

#[derive(Deserialize)]
struct View<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

impl<'a> View<'a> {
    fn of(data: &'a [u8]) -> Option<[Option<&'a RawValue>; 3]> {
        let Self { id, created, model } = serde_json::from_slice(data).ok()?;
        Some([id, created, model])
    }
}

impl Identity {
    /// That of a chunk.
    pub(super) fn of(data: &[u8]) -> Option<Self> {
        let fields = View::of(data)?;
        Some(Self(fields.map(|field| field.map(|json| json.get().into()))))
    }

    /// The event with these fields in the place of its own; `None` if it has none to exchange.
    pub(super) fn put_on(&self, event: &[u8]) -> Option<Bytes> {
        let theirs = View::of(data_of(event)?)?;
        let mut changes: Vec<(Range<usize>, &str)> = theirs
            .into_iter()
            .zip(&self.0)
            .filter_map(|(theirs, ours)| Some((place(event, theirs?.get()), ours.as_deref()?)))
            .collect();
        if changes.is_empty() {
            return None;
        }
        changes.sort_by_key(|(at, _)| at.start);
        let mut changed = Vec::with_capacity(event.len() + 64);
        let mut done = 0;
        for (at, text) in changes {
            changed.extend_from_slice(event.get(done..at.start)?);
            changed.extend_from_slice(text.as_bytes());
            done = at.end;
        }
        changed.extend_from_slice(event.get(done..)?);
        Some(changed.into())
    }
}

/// Where a part of the event is in it.
fn place(event: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - event.as_ptr().addr();
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_another_stream_gets_the_fields_of_the_first() {
        let first = br#"{"id":"chatcmpl-1","created":17,"model":"small","choices":[]}"#;
        let first = Identity::of(first).unwrap();
        for (event, expected) in [
            (
                "data: {\"model\": \"large\",\"choices\":[{\"delta\":{\"content\":\"id\"}}],\"id\":\"x\\\"y\", \"created\" : 9999999999}\r\n\r\n",
                Some(
                    "data: {\"model\": \"small\",\"choices\":[{\"delta\":{\"content\":\"id\"}}],\"id\":\"chatcmpl-1\", \"created\" : 17}\r\n\r\n",
                ),
            ),
            (
                "data: {\"id\":null,\"model\":\"large\"}\n\n",
                Some("data: {\"id\":null,\"model\":\"small\"}\n\n"),
            ),
            ("data: {\"choices\":[]}\n\n", None),
            ("data: [DONE]\n\n", None),
            ("data: not json\n\n", None),
            (": a comment\n\n", None),
        ] {
            assert_eq!(first.put_on(event.as_bytes()).as_deref(), expected.map(str::as_bytes), "{event}");
        }
        assert_eq!(Identity::default().put_on(b"data: {\"id\":\"x\"}\n\n"), None);
    }
}
