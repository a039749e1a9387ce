//! For an endpoint: the session was there before, so what was said so far is in its cache. What the prefix already
//! counts is not counted again.

use super::{Ask, Known};

pub(super) fn term(ask: &Ask, known: &Known) -> i64 {
    if known.session { i64::from(ask.prompt_tokens).saturating_sub_unsigned(known.matched).max(0) } else { 0 }
}
