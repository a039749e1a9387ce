//! A decision as `status.scaling`.

use crate::decide::scale::{Change, History};
use flotilla_crds::model_deployment::{ScalingChange, ScalingStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Changes that a status shows.
const SHOWN: usize = 5;

/// What was decided since this operator began, before that what the status knew.
pub(super) fn history(decided: &History, known: Option<&ScalingStatus>) -> Vec<ScalingChange> {
    let mut changes: Vec<ScalingChange> = decided.iter().map(change).collect();
    let older = known.into_iter().flat_map(|status| &status.history);
    let oldest = changes.last().map(|change| change.time.0);
    changes.extend(older.filter(|known| oldest.is_none_or(|oldest| known.time.0 < oldest)).cloned());
    changes.truncate(SHOWN);
    changes
}

fn change(change: &Change) -> ScalingChange {
    let count = |replicas: u32| i32::try_from(replicas).unwrap_or(i32::MAX);
    // As a status has it: in whole seconds.
    let time = Timestamp::from_second(change.at.as_second()).unwrap_or(change.at);
    ScalingChange {
        time: Time(time),
        from: count(change.from),
        to: count(change.to),
        reason: change.reason.as_str().to_owned(),
        message: change.message.clone(),
    }
}

/// The changes of `after` that `before` does not have, the oldest first.
pub fn untold<'a>(
    before: Option<&ScalingStatus>,
    after: Option<&'a ScalingStatus>,
) -> Vec<&'a ScalingChange> {
    let known = before.map(|status| status.history.as_slice()).unwrap_or_default();
    let changes = after.into_iter().flat_map(|status| &status.history);
    let mut news: Vec<_> = changes.filter(|change| !known.contains(change)).collect();
    news.reverse();
    news
}

/// Tokens, or tokens per second, as a whole number.
#[allow(clippy::cast_possible_truncation, reason = "saturates")]
pub(super) fn whole(tokens: f64) -> i64 {
    tokens.round() as i64
}
