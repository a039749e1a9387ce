//! Where decisions lie until the reconciler carries them out.

use crate::decide::spill::Spilling;
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{EconomicsStatus, LearnedCapacity, ScalingMode, ScalingStatus};
use flotilla_crds::router_config::{NanoUsd, SpillState};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::HashMap;

/// A new reason alone is published no more often than this: it may change from second to second.
const REASONS_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// New figures alone, likewise.
const FIGURES_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// What was saved moves all the time, and so does what was learned.
const COSTS_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// The same of a model that serves nothing: thousands may be at rest. As much as this is lost when an operator ends.
const COSTS_AT_REST_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Figures that differ by less are no news.
const NEWS: f64 = 0.1;

/// The last decision for each `ModelDeployment`.
#[derive(Debug, Default)]
pub struct Board {
    posted: Mutex<HashMap<ObjectKey, Posted>>,
    /// What goes outside, where it is not the same for all policies: the most first.
    shares: Mutex<HashMap<ObjectKey, Vec<Spilling>>>,
}

/// Who has to hear of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsFor {
    /// It says what the one before said.
    Nobody,
    /// The object: it is to be carried out or shown now.
    Status,
    /// The object, and the routers of its policies: requests go elsewhere.
    Routers,
}

/// What of a decision may be news from one second to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brief<'a> {
    /// What becomes of it.
    pub(super) mode: ScalingMode,
    pub(super) desired: i32,
    pub(super) reason: &'a str,
    /// Offered, waiting, and what there is capacity for.
    pub(super) figures: [i64; 3],
    pub(super) spill: Option<(SpillState, i32)>,
}

impl<'a> Brief<'a> {
    fn of(mode: ScalingMode, status: &'a ScalingStatus) -> Self {
        let ScalingStatus { desired, reason, spill, .. } = status;
        let figures =
            [status.offered_tokens_per_second, status.backlog_tokens, status.capacity_tokens_per_second];
        let spill = spill.as_ref().map(|spill| (spill.state, spill.percent));
        Self { mode, desired: *desired, reason, figures, spill }
    }
}

#[derive(Debug, Clone)]
struct Posted {
    mode: ScalingMode,
    status: ScalingStatus,
    at: Timestamp,
    /// When all of a later decision was last asked for.
    looked: Timestamp,
}

impl Board {
    /// Whether a decision has to be told whole, to be posted: most passes find nothing that is worth it.
    pub(super) fn asks(&self, key: &ObjectKey, brief: &Brief<'_>, now: Timestamp) -> bool {
        let mut posted = self.posted.lock();
        let Some(before) = posted.get_mut(key) else { return true };
        let age = now.duration_since(before.at);
        if before.differs(brief, age) {
            return true;
        }
        let due = age >= FIGURES_EVERY && now.duration_since(before.looked) >= FIGURES_EVERY;
        if due {
            before.looked = now;
        }
        due
    }

    /// Posts a decision, and says whom it is news for.
    pub fn post(&self, key: &ObjectKey, mode: ScalingMode, status: ScalingStatus, now: Timestamp) -> NewsFor {
        let mut posted = self.posted.lock();
        let before = posted.get(key);
        if before.is_some_and(|before| !before.is_news(mode, &status, now)) {
            return NewsFor::Nobody;
        }
        let spills = before.is_none_or(|before| before.brief().spill != Brief::of(mode, &status).spill);
        posted.insert(key.clone(), Posted { mode, status, at: now, looked: now });
        if spills { NewsFor::Routers } else { NewsFor::Status }
    }

    /// What goes outside for different policies, the most first; says whether that is another than before.
    pub(super) fn share(&self, key: &ObjectKey, shares: Vec<Spilling>) -> bool {
        let mut all = self.shares.lock();
        if shares.len() < 2 {
            // The status says it.
            return all.remove(key).is_some();
        }
        if all.get(key) == Some(&shares) {
            return false;
        }
        all.insert(key.clone(), shares);
        true
    }

    /// What goes outside for different policies, where it is not the same for all.
    pub(super) fn shares(&self, key: &ObjectKey) -> Vec<Spilling> {
        self.shares.lock().get(key).cloned().unwrap_or_default()
    }

    /// Nothing was posted after this moment: the clock went back.
    pub(super) fn went_back_to(&self, now: Timestamp) {
        for posted in self.posted.lock().values_mut() {
            posted.at = posted.at.min(now);
            posted.looked = posted.looked.min(now);
        }
    }

    /// Forgets an object that is not scaled any more.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.posted.lock().remove(key);
        self.shares.lock().remove(key);
    }

    /// Replicas that an object is to have, if that was decided: what was decided in another mode was only advice.
    pub(super) fn decided(&self, object: &ModelDeployment) -> Option<i32> {
        if mode(object) != Some(ScalingMode::Active) {
            return None;
        }
        let posted = self.posted.lock();
        let posted = posted.get(&ObjectKey::of(object)).filter(|posted| posted.mode == ScalingMode::Active);
        posted.map(|posted| posted.status.desired)
    }

    /// Replicas of an object that were decided or advised last.
    pub fn desired(&self, key: &ObjectKey) -> Option<i32> {
        self.posted.lock().get(key).map(|posted| posted.status.desired)
    }

    /// For the status of an object: the last decision, or before there is one, what the status has.
    pub fn status(&self, object: &ModelDeployment) -> Option<ScalingStatus> {
        object.spec.scaling.as_ref()?;
        let posted = self.posted.lock().get(&ObjectKey::of(object)).map(|posted| posted.status.clone());
        posted.or_else(|| object.status.as_ref()?.scaling.clone())
    }
}

impl Posted {
    fn brief(&self) -> Brief<'_> {
        Brief::of(self.mode, &self.status)
    }

    fn is_news(&self, mode: ScalingMode, status: &ScalingStatus, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        let before = &self.status;
        self.differs(&Brief::of(mode, status), age)
            || (age >= FIGURES_EVERY
                && (learned_more(before, status)
                    || costs_differ(before.economics.as_ref(), status.economics.as_ref())))
            || (age >= COSTS_EVERY && before.learned != status.learned)
            || (age >= costs_every(status) && before.economics != status.economics)
    }

    /// Whether what is told from second to second is news after this time.
    fn differs(&self, brief: &Brief<'_>, age: SignedDuration) -> bool {
        let before = self.brief();
        before.mode != brief.mode
            || before.desired != brief.desired
            || before.spill != brief.spill
            || (age >= REASONS_EVERY && before.reason != brief.reason)
            || (age >= FIGURES_EVERY && before.figures.into_iter().zip(brief.figures).any(differ))
    }
}

fn differ((before, after): (i64, i64)) -> bool {
    let (before, after) = (before as f64, after as f64);
    (before - after).abs() > NEWS * before.abs().max(after.abs())
}

/// Whether replicas were seen to do something that was not known, or clearly another.
fn learned_more(before: &ScalingStatus, after: &ScalingStatus) -> bool {
    let rates = |of: &LearnedCapacity| [of.prompt_tokens_per_second, of.completion_tokens_per_second];
    let same = |a: &LearnedCapacity, b: &LearnedCapacity| {
        (&a.engine, &a.gpu_product, &a.output_length) == (&b.engine, &b.gpu_product, &b.output_length)
    };
    after.learned.iter().any(|now| {
        let known = before.learned.iter().find(|known| same(known, now));
        known.is_none_or(|known| rates(known).into_iter().zip(rates(now)).any(differ))
    })
}

/// The figures are of the last hour: without a token in it, only time moves them.
fn costs_every(status: &ScalingStatus) -> SignedDuration {
    let serves = status.economics.as_ref().is_some_and(|costs| costs.tokens_per_day > 0);
    if serves { COSTS_EVERY } else { COSTS_AT_REST_EVERY }
}

/// Whether a figure of the costs is new, gone, or clearly another. What was saved is none of them: it always is another.
fn costs_differ(before: Option<&EconomicsStatus>, after: Option<&EconomicsStatus>) -> bool {
    let usd = |text: &Option<String>| text.as_deref().and_then(|usd| NanoUsd::parse_usd(usd).ok());
    let nanos = |price: Option<NanoUsd>| price.map(|price| i64::try_from(price.0).unwrap_or(i64::MAX));
    let figures = |of: &EconomicsStatus| {
        [
            nanos(NanoUsd::parse_usd(&of.hourly_cost).ok()),
            nanos(usd(&of.cost_per_million_tokens)),
            nanos(usd(&of.external_cost_per_million_tokens)),
            of.break_even_tokens_per_day,
            Some(of.tokens_per_day),
        ]
    };
    let figure_differs = |pair: (Option<i64>, Option<i64>)| match pair {
        (Some(before), Some(after)) => differ((before, after)),
        (before, after) => before.is_some() != after.is_some(),
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            (&before.price_source, &before.compared_with) != (&after.price_source, &after.compared_with)
                || figures(before).into_iter().zip(figures(after)).any(figure_differs)
        }
        (before, after) => before.is_some() != after.is_some(),
    }
}

/// The object with as many replicas in its spec as there should be. Only a copy: what a user wrote stays as it is.
pub fn effective<'a>(object: &'a ModelDeployment, board: &Board) -> Cow<'a, ModelDeployment> {
    if mode(object) != Some(ScalingMode::Active) {
        return Cow::Borrowed(object);
    }
    let mut scaled = object.clone();
    scaled.spec.replicas = board.decided(object).unwrap_or_else(|| present(object));
    Cow::Owned(scaled)
}

pub(super) fn mode(object: &ModelDeployment) -> Option<ScalingMode> {
    object.spec.scaling.as_ref().map(|scaling| scaling.mode.unwrap_or_default())
}

/// Replicas that an object has before anything was decided: as many as it had, else as few as there may be, but one to
/// begin with, which shows whether the model loads.
pub(super) fn present(object: &ModelDeployment) -> i32 {
    let least = object.spec.scaling.as_ref().map_or(1, |scaling| scaling.min_replicas.unwrap_or(1).max(1));
    let had = object.status.as_ref().and_then(|status| status.desired_replicas);
    had.map_or_else(|| i32::try_from(least).unwrap_or(i32::MAX), |had| had.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(desired: i32, reason: &str, offered: i64) -> ScalingStatus {
        ScalingStatus {
            desired,
            reason: reason.to_owned(),
            offered_tokens_per_second: offered,
            ..ScalingStatus::default()
        }
    }

    #[test]
    fn another_number_is_news_at_once_and_the_rest_is_after_a_while() {
        for (second, next, news) in [
            (1, status(3, "A", 100), true),
            (1, status(2, "A", 100), false),
            (9, status(2, "B", 100), false),
            (10, status(2, "B", 100), true),
            (59, status(2, "A", 900), false),
            (60, status(2, "A", 105), false),
            (60, status(2, "A", 120), true),
        ] {
            let (board, key) = (Board::default(), ObjectKey { namespace: "a".into(), name: "b".into() });
            assert_eq!(board.post(&key, ScalingMode::Active, status(2, "A", 100), at(0)), NewsFor::Routers);
            let expected = if news { NewsFor::Status } else { NewsFor::Nobody };
            assert_eq!(
                board.post(&key, ScalingMode::Active, next.clone(), at(second)),
                expected,
                "{second} s: {next:?}"
            );
        }
    }

    #[test]
    fn what_is_learned_is_written_seldom() {
        let learned = |rates: &[(&str, i64)]| {
            let record = |(gpu, rate): &(&str, i64)| LearnedCapacity {
                gpu_product: (*gpu).to_owned(),
                prompt_tokens_per_second: *rate,
                ..LearnedCapacity::default()
            };
            ScalingStatus { learned: rates.iter().map(record).collect(), ..status(2, "A", 100) }
        };
        for (second, rates, news) in [
            (59, &[("L4", 500)][..], false),
            (60, &[("L4", 500)], true),
            (60, &[("L4", 100), ("T4", 1)], true),
            (60, &[("L4", 109)], false),
            (600, &[("L4", 109)], true),
            (6000, &[("L4", 100)], false),
        ] {
            let (board, key) = (Board::default(), ObjectKey { namespace: "a".into(), name: "b".into() });
            board.post(&key, ScalingMode::Active, learned(&[("L4", 100)]), at(0));
            let expected = if news { NewsFor::Status } else { NewsFor::Nobody };
            assert_eq!(
                board.post(&key, ScalingMode::Active, learned(rates), at(second)),
                expected,
                "{second} s: {rates:?}"
            );
        }
    }

    #[test]
    fn a_price_is_shown_once_it_is_known_and_savings_seldom() {
        let costs = |million: Option<&str>, saved: &str| ScalingStatus {
            economics: Some(EconomicsStatus {
                hourly_cost: "0.80".to_owned(),
                cost_per_million_tokens: million.map(str::to_owned),
                saved: Some(saved.to_owned()),
                ..EconomicsStatus::default()
            }),
            ..status(2, "A", 100)
        };
        let serving = |saved: &str| {
            let mut status = costs(Some("1.00"), saved);
            status.economics.as_mut().unwrap().tokens_per_day = 1000;
            status
        };
        for (second, before, after, news) in [
            (59, costs(None, "-0.01"), costs(Some("1.00"), "-0.01"), false),
            (60, costs(None, "-0.01"), costs(Some("1.00"), "-0.01"), true),
            (60, status(2, "A", 100), costs(None, "-0.01"), true),
            (60, costs(Some("1.00"), "5"), costs(Some("1.05"), "6"), false),
            (60, costs(Some("1.00"), "5"), costs(Some("1.20"), "5"), true),
            (60, costs(Some("1.00"), "5"), costs(None, "5"), true),
            (3599, costs(None, "5"), costs(None, "6"), false),
            (3600, costs(None, "5"), costs(None, "6"), true),
            (599, serving("5"), serving("6"), false),
            (600, serving("5"), serving("6"), true),
        ] {
            let (board, key) = (Board::default(), ObjectKey { namespace: "a".into(), name: "b".into() });
            board.post(&key, ScalingMode::Active, before, at(0));
            let expected = if news { NewsFor::Status } else { NewsFor::Nobody };
            assert_eq!(
                board.post(&key, ScalingMode::Active, after.clone(), at(second)),
                expected,
                "{second} s: {after:?}"
            );
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
    fn object(scaling: serde_json::Value, desired: Option<i32>) -> ModelDeployment {
        serde_json::from_value(json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "b", "namespace": "a"},
            "spec": {"model": {}, "engine": {}, "replicas": 7, "scaling": scaling},
            "status": {"desiredReplicas": desired},
        }))
        .unwrap()
    }

    #[test]
    fn replicas_are_those_decided_else_those_there_were_else_one() {
        let board = Board::default();
        let replicas = |scaling, desired| effective(&object(scaling, desired), &board).spec.replicas;
        let active = || json!({"maxReplicas": 9, "minReplicas": 0});
        assert_eq!(replicas(serde_json::Value::Null, Some(4)), 7);
        assert_eq!(replicas(json!({"maxReplicas": 9, "mode": "Advisory"}), Some(4)), 7);
        assert_eq!(replicas(active(), None), 1);
        assert_eq!(replicas(json!({"maxReplicas": 9, "minReplicas": 3}), None), 3);
        assert_eq!(replicas(active(), Some(0)), 0);
        assert_eq!(replicas(active(), Some(-3)), 0, "nobody has fewer");
        assert_eq!(replicas(active(), Some(4)), 4);
        let key = ObjectKey { namespace: "a".into(), name: "b".into() };
        board.post(&key, ScalingMode::Advisory, status(5, "A", 0), at(0));
        assert_eq!(replicas(active(), Some(4)), 4, "it was advice");
        assert_eq!(board.post(&key, ScalingMode::Active, status(5, "A", 0), at(1)), NewsFor::Status);
        assert_eq!(replicas(active(), Some(4)), 5);
    }
}
