//! Against an endpoint: the tokens under way there, which come before this request's own.

use super::{Ask, Known};

pub(super) fn term(_: &Ask, known: &Known) -> i64 {
    -i64::try_from(known.outstanding).unwrap_or(i64::MAX)
}
