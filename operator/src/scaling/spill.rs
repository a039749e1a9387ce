//! What a model cannot take now, as `status.scaling.spill` and as routers are told.

use super::Targets;
use super::board::Board;
use crate::decide::spill::{Memory, Outlook, Spilling};
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{ScalingStatus, SpillStatus};
use flotilla_crds::router_config::{Spill, SpillState};
use flotilla_crds::routing_policy::SpillSpec;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::cmp::Reverse;

/// A policy that sends requests for a model outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// The policy, as `namespace/name`.
    pub policy: String,
    /// Where to, and when.
    pub spec: SpillSpec,
}

/// The largest share for each policy in the states that it names, as far as they differ; the largest of all first.
pub(super) fn shares(memory: &Memory, key: &ObjectKey, targets: &Targets) -> Vec<Spilling> {
    let largest = |outlet: &Outlet| memory.largest(|state| outlet.spec.applies_in(state));
    let mut shares: Vec<Spilling> = targets.outlets(key).filter_map(largest).collect();
    shares.sort_by_key(|share| Reverse(share.percent));
    shares.dedup();
    shares
}

/// The status of what goes.
pub(super) fn status(
    spilling: Spilling,
    outlook: &Outlook,
    key: &ObjectKey,
    targets: &Targets,
) -> SpillStatus {
    let outlets = targets.outlets(key).filter(|outlet| outlet.spec.applies_in(spilling.state));
    let to: Vec<_> =
        outlets.map(|outlet| format!("{} (policy {})", outlet.spec.backend, outlet.policy)).collect();
    let how_many = match spilling.percent {
        100 => "all requests".to_owned(),
        percent => format!("{percent} % of requests"),
    };
    let why = why(spilling.state, outlook);
    SpillStatus {
        state: spilling.state,
        percent: spilling.percent.into(),
        // As a status has it: in whole seconds.
        since: Time(Timestamp::from_second(spilling.since.as_second()).unwrap_or(spilling.since)),
        message: format!("{why}: {how_many} that may leave the cluster go to {}", to.join(", ")),
    }
}

fn why(state: SpillState, outlook: &Outlook) -> String {
    let Outlook { ready, loading, load, .. } = outlook;
    match (state, load) {
        (SpillState::ScaledToZero, _) => "there is no replica".to_owned(),
        (SpillState::Pending, _) => "no replica serves, one waits for a node".to_owned(),
        (SpillState::NoFit, _) => "no GPU of the cluster is large enough".to_owned(),
        (SpillState::NoFreeGPU, _) => {
            "no replica serves, and all GPUs that are large enough are taken".to_owned()
        }
        (SpillState::Loading, _) if *ready > 0 => {
            format!("{} just begun to serve", replicas(*ready, "has", "have"))
        }
        (SpillState::Loading, _) => format!("no replica serves, {}", replicas(*loading, "starts", "start")),
        (SpillState::Saturated, Some(load)) if *ready > 0 => format!(
            "{} asked for {:.1} times what the model can do, with {:.0} s of work waiting",
            replicas(*ready, "serves and is", "serve and are"),
            load.busy,
            load.waits
        ),
        (SpillState::Saturated, _) => {
            "the replicas that serve were asked for more than they can do".to_owned()
        }
    }
}

/// So many replicas do something.
fn replicas(count: u32, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 replica {one}"),
        _ => format!("{count} replicas {several}"),
    }
}

/// What a status remembers.
pub(super) fn remembered(status: Option<&ScalingStatus>) -> Option<Spilling> {
    let spill = status?.spill.as_ref()?;
    let percent = u8::try_from(spill.percent).ok().filter(|percent| (1..=100).contains(percent))?;
    Some(Spilling { state: spill.state, percent, since: spill.since.0 })
}

/// Why, and how many of a hundred requests for a model go outside now, the most first; routes say where to. The first
/// is what the status has; the others are for policies that do not send any for this reason.
pub fn spilling(object: &ModelDeployment, board: &Board) -> Vec<(SpillState, u8)> {
    let Some(first) = remembered(board.status(object).as_ref()) else { return Vec::new() };
    let others = board.shares(&ObjectKey::of(object)).into_iter().filter(|share| share.state != first.state);
    std::iter::once(first).chain(others).map(|share| (share.state, share.percent)).collect()
}

/// For a policy's backend that is such a model: the first that it sends requests outside for.
pub fn told(spec: Option<&SpillSpec>, spilling: impl IntoIterator<Item = (SpillState, u8)>) -> Option<Spill> {
    let spec = spec?;
    let (state, percent) = spilling.into_iter().find(|(state, _)| spec.applies_in(*state))?;
    Some(Spill { backend: spec.backend.clone(), state, percent })
}

/// What there is to tell when a status changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The event's reason.
    pub reason: &'static str,
    /// What makes it another event than the one before of this reason.
    pub action: String,
    /// A sentence.
    pub note: String,
}

/// Whether requests begin or cease to go outside, or do so for another reason.
pub fn news(before: Option<&ScalingStatus>, after: Option<&ScalingStatus>) -> Option<News> {
    let spill = |status: Option<&ScalingStatus>| status.and_then(|status| status.spill.clone());
    let name =
        |verb: &str, spill: &SpillStatus| format!("{verb}{}Since{}", spill.state.as_str(), spill.since.0);
    match (spill(before), spill(after)) {
        (before, Some(after)) if before.as_ref().is_none_or(|before| before.state != after.state) => {
            let note = format!("{}: {}", after.state.as_str(), after.message);
            Some(News { reason: SPILLING, action: name("Spill", &after), note })
        }
        (Some(before), None) => {
            let note = format!("{} is over: requests go to the fleet", before.state.as_str());
            Some(News { reason: ENDED, action: name("EndSpill", &before), note })
        }
        _ => None,
    }
}

/// The events' reasons.
const SPILLING: &str = "Spilling";
const ENDED: &str = "SpillEnded";

#[cfg(test)]
mod tests {
    use super::*;

    fn scaling(spill: Option<(SpillState, i32)>) -> ScalingStatus {
        let spill = spill.map(|(state, percent)| SpillStatus {
            state,
            percent,
            since: Time(Timestamp::UNIX_EPOCH),
            message: "why".to_owned(),
        });
        ScalingStatus { spill, ..ScalingStatus::default() }
    }

    #[test]
    fn policies_decide_in_which_states_their_requests_spill() {
        let spec = |when: &[SpillState]| SpillSpec { backend: "api".to_owned(), when: when.to_vec() };
        let loading = Some((SpillState::Loading, 100));
        let to = |spec: SpillSpec| told(Some(&spec), loading).map(|spill| spill.backend);
        assert_eq!(to(spec(&[])).as_deref(), Some("api"), "in all states");
        assert_eq!(to(spec(&[SpillState::Loading, SpillState::NoFit])).as_deref(), Some("api"));
        assert_eq!(to(spec(&[SpillState::Saturated])), None);
        assert_eq!(told(None, loading), None);
        assert_eq!(told(Some(&spec(&[])), None), None);
    }

    #[test]
    fn a_new_reason_is_news_and_another_share_is_none() {
        use SpillState::{Loading, Saturated};
        let reason = |before: Option<(SpillState, i32)>, after| {
            news(before.map(|b| scaling(Some(b))).as_ref(), Some(&scaling(after))).map(|news| news.reason)
        };
        assert_eq!(reason(None, Some((Loading, 100))), Some("Spilling"));
        assert_eq!(reason(Some((Loading, 100)), Some((Saturated, 30))), Some("Spilling"));
        assert_eq!(reason(Some((Saturated, 30)), Some((Saturated, 50))), None);
        assert_eq!(reason(Some((Saturated, 30)), None), Some("SpillEnded"));
        assert_eq!(reason(None, None), None);
    }

    #[test]
    fn a_status_that_nobody_can_have_written_is_not_believed() {
        for (percent, believed) in [(0, false), (1, true), (100, true), (101, false), (-5, false)] {
            let status = scaling(Some((SpillState::Loading, percent)));
            assert_eq!(remembered(Some(&status)).is_some(), believed, "{percent}");
        }
    }
}
