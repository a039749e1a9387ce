//! GET, with redirects followed, ranges, and a deadline on every wait.

mod answer;
mod client;
mod range;
mod refusal;

pub(crate) use answer::Answer;
pub use client::{ClientError, HttpClient};
pub(crate) use range::Range;

use std::time::Duration;
use url::Url;

/// Looking up a name, connecting, and the head of one answer.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);
/// Between two pieces of a body.
const IDLE_DEADLINE: Duration = Duration::from_secs(30);

/// A URL for people: without credentials, query and fragment, which may hold secrets.
pub(crate) fn shown(url: &Url) -> String {
    let mut public = url.clone();
    public.set_query(None);
    public.set_fragment(None);
    // Both fail only for URLs that cannot have any.
    let _ = public.set_username("");
    let _ = public.set_password(None);
    public.into()
}
