//! `stream_options`: whether a streamed answer reports its usage, and how it is made to.

use super::PeekError;
use super::peek::place;
use super::splice::UsageEdit;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

#[derive(Deserialize)]
struct StreamOptions<'a> {
    #[serde(borrow, default)]
    include_usage: Present<'a>,
}

/// A value that may be absent. Unlike `Option`, `null` counts as there: adding the key again would make it twice.
#[derive(Default)]
pub(super) struct Present<'a>(pub(super) Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Present<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

/// The smallest change that sets `stream_options.include_usage`, given the options and where they are.
pub(super) fn usage_edit(
    options: Option<(&str, Range<usize>)>,
    model_end: usize,
) -> Result<Option<UsageEdit>, PeekError> {
    let Some((raw, at)) = options else {
        return Ok(Some(UsageEdit::AddOptions(model_end)));
    };
    if raw == "null" {
        return Ok(Some(UsageEdit::ReplaceOptions(at)));
    }
    let wrong = || PeekError::Shape("stream_options must be an object".to_owned());
    if !raw.starts_with('{') {
        return Err(wrong());
    }
    let parsed: StreamOptions<'_> = serde_json::from_str(raw).map_err(|_| wrong())?;
    let within = |value: &RawValue| {
        let inside = place(raw, value);
        at.start + inside.start..at.start + inside.end
    };
    Ok(match parsed.include_usage.0 {
        Some(value) if value.get() == "true" => None,
        Some(value) => Some(UsageEdit::ReplaceFlag(within(value))),
        None => Some(UsageEdit::AddFlag {
            at: at.start + 1,
            alone: raw.trim_start_matches('{').trim_start() == "}",
        }),
    })
}
