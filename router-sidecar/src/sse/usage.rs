//! The usage of an answer in two parts: what the second part reports becomes the sum of both.

use super::inspect::data_of;
use crate::account::Tokens;
use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    usage: Option<Usage<'a>>,
}

#[derive(Deserialize)]
struct Usage<'a> {
    #[serde(borrow, rename = "prompt_tokens")]
    prompt: Option<&'a RawValue>,
    #[serde(borrow, rename = "completion_tokens")]
    completion: Option<&'a RawValue>,
    #[serde(borrow, rename = "total_tokens")]
    total: Option<&'a RawValue>,
}

/// The event with these tokens added to the usage that it reports; `None` if it reports none.
pub(super) fn add_to(event: &[u8], before: Tokens) -> Option<Bytes> {
    memmem::find(event, b"\"usage\"")?;
    let usage = serde_json::from_slice::<Chunk<'_>>(data_of(event)?).ok()?.usage?;
    let mut changes: Vec<(usize, &str, u64)> =
        [(usage.prompt, before.prompt), (usage.completion, before.completion), (usage.total, before.total())]
            .into_iter()
            .filter_map(|(field, more)| {
                let text = field?.get();
                let sum = text.parse::<u64>().ok()?.saturating_add(more);
                Some((text.as_ptr().addr() - event.as_ptr().addr(), text, sum))
            })
            .collect();
    if changes.is_empty() {
        return None;
    }
    changes.sort_by_key(|(at, ..)| *at);
    let mut changed = Vec::with_capacity(event.len() + 16);
    let mut done = 0;
    for (at, text, sum) in changes {
        changed.extend_from_slice(event.get(done..at)?);
        changed.extend_from_slice(sum.to_string().as_bytes());
        done = at + text.len();
    }
    changed.extend_from_slice(event.get(done..)?);
    Some(changed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_no_number_holds_are_the_largest_one() {
        let most = Tokens::new(u64::MAX, u64::MAX);
        let event = "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n";
        let expected = format!(
            "data: {{\"usage\":{{\"prompt_tokens\":{0},\"completion_tokens\":{0},\"total_tokens\":{0}}}}}\n\n",
            u64::MAX
        );
        assert_eq!(add_to(event.as_bytes(), most).unwrap(), expected);
    }

    #[test]
    fn what_is_reported_becomes_the_sum_and_nothing_else_changes() {
        let before = Tokens::new(7, 90);
        for (event, expected) in [
            (
                "data: {\"choices\":[],\"usage\":{\"total_tokens\": 15, \"prompt_tokens\":5,\"completion_tokens\":10,\"x\":{\"cached_tokens\":5}}}\n\n",
                Some(
                    "data: {\"choices\":[],\"usage\":{\"total_tokens\": 112, \"prompt_tokens\":12,\"completion_tokens\":100,\"x\":{\"cached_tokens\":5}}}\n\n",
                ),
            ),
            (
                "data: {\"usage\":{\"prompt_tokens\":5}}\r\n\r\n",
                Some("data: {\"usage\":{\"prompt_tokens\":12}}\r\n\r\n"),
            ),
            ("data: {\"usage\":{\"prompt_tokens\":\"5\"}}\n\n", None),
            ("data: {\"choices\":[],\"usage\":null}\n\n", None),
            ("data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\"\"}}]}\n\n", None),
            ("data: [DONE]\n\n", None),
        ] {
            assert_eq!(add_to(event.as_bytes(), before).as_deref(), expected.map(str::as_bytes), "{event}");
        }
    }
}
