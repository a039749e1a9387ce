//! Builds the condition list of a status.

use super::Reason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// One condition, before it gets its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// `Some(true)` is True, `None` is Unknown.
    pub status: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// Why, in a sentence, with numbers.
    pub message: String,
}

impl Verdict {
    /// A True condition.
    pub fn yes(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: Some(true), reason, message: message.into() }
    }

    /// A False condition.
    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: Some(false), reason, message: message.into() }
    }

    /// An Unknown condition.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: None, reason, message: message.into() }
    }

    /// Whether it is True.
    pub fn holds(&self) -> bool {
        self.status == Some(true)
    }
}

/// Writes verdicts as conditions; `lastTransitionTime` moves only when the status does.
#[derive(Debug)]
pub struct Conditions<'a> {
    /// The conditions of the live object.
    pub before: &'a [Condition],
    /// The generation that the verdicts speak of.
    pub generation: Option<i64>,
    /// The time of this reconcile.
    pub now: Timestamp,
}

impl Conditions<'_> {
    /// All verdicts as conditions, in the order given.
    pub fn build(&self, verdicts: &[(&str, &Verdict)]) -> Vec<Condition> {
        verdicts.iter().map(|(condition_type, verdict)| self.one(condition_type, verdict)).collect()
    }

    fn one(&self, condition_type: &str, verdict: &Verdict) -> Condition {
        let status = match verdict.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let same = self.before.iter().find(|c| c.type_ == condition_type && c.status == status);
        Condition {
            type_: condition_type.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: verdict.message.clone(),
            observed_generation: self.generation,
            last_transition_time: same.map_or(Time(self.now), |c| c.last_transition_time.clone()),
        }
    }
}

/// The conditions of `after` whose status or reason is news compared with `before`.
pub fn changed_parts<'a>(before: &[Condition], after: &'a [Condition]) -> Vec<&'a Condition> {
    let known = |c: &Condition| {
        before.iter().any(|b| b.type_ == c.type_ && b.status == c.status && b.reason == c.reason)
    };
    after.iter().filter(|c| !known(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::types::READY;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let build = |before: &[Condition], second, verdict: &Verdict| {
            Conditions { before, generation: Some(3), now: at(second) }.build(&[(READY, verdict)])
        };
        let first = build(&[], 1, &Verdict::no(Reason::Starting, "0 of 1"));
        let second = build(&first, 2, &Verdict::no(Reason::NoFit, "too large"));
        assert_eq!(second[0].last_transition_time, Time(at(1)));
        assert_eq!(changed_parts(&first, &second).len(), 1);
        let third = build(&second, 3, &Verdict::yes(Reason::Serving, "1 of 1"));
        assert_eq!(third[0].last_transition_time, Time(at(3)));
        assert!(changed_parts(&third, &third).is_empty());
    }
}
