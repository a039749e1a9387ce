//! The status of a `ModelDeployment`: pure, from what was observed.

use super::build::{Applied, Children, selector};
use super::calibrate::remembered;
use super::dereference::Observed;
use super::failure::{PodFacts, Problem, refused};
use super::fetching::Download;
use super::need::Need;
use super::observe::is_rolled_out;
use super::placed::{choice, placeable, placement, waiting};
use super::sized::{memory, sized, unsized_verdict};
use super::validate::Invalid;
use crate::conditions::{Conditions, Reason, Verdict, types};
use crate::decide::placement::Choice;
use crate::kube_ext::{ApplyError, HasConditions};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ModelDeploymentStatus;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How far a reconcile came.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// The spec cannot be carried out.
    Invalid(&'a Invalid),
    /// The children could not be written.
    NotApplied(&'a Need, &'a ApplyError),
    /// The children are written.
    Applied(&'a Need, &'a Children<Applied>),
    /// The need is known and the children are about to be written.
    Planned(&'a Need),
}

/// The parts of Ready.
struct Parts {
    accepted: Verdict,
    sized: Verdict,
    /// Whether nothing can be done until it is.
    needs_size: bool,
    placeable: Verdict,
    loaded: Verdict,
    available: Verdict,
    /// Whether all replicas are of the present spec.
    rolled_out: bool,
}

/// Computes the status.
pub fn status(
    object: &ModelDeployment,
    observed: &Observed,
    outcome: &Outcome<'_>,
    now: Timestamp,
) -> ModelDeploymentStatus {
    let before = object.status.clone().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let need = match outcome {
        Outcome::Invalid(_) => None,
        Outcome::NotApplied(need, _) | Outcome::Applied(need, _) | Outcome::Planned(need) => Some(*need),
    };
    let choice = need.map(|need| choice(object, &observed.inventory, need.required_mib));
    let (replicas, ready_replicas) = counts(outcome, &observed.pods);
    let parts = parts(object, observed, outcome, need.zip(choice.as_ref()), ready_replicas);
    let (ready, reconciling, stalled) = summary(&parts);
    let conditions = Conditions { before: &before.conditions, generation: object.metadata.generation, now }
        .build(&[
            (types::READY, &ready),
            (types::RECONCILING, &reconciling),
            (types::STALLED, &stalled),
            (types::ACCEPTED, &parts.accepted),
            (types::SIZED, &parts.sized),
            (types::PLACEABLE, &parts.placeable),
            (types::MODEL_LOADED, &parts.loaded),
            (types::AVAILABLE, &parts.available),
        ]);
    // A spec that cannot be carried out leaves the replicas of the one before: their figures are theirs.
    let (quantization, memory) = match need {
        Some(need) => (need.quantization.clone(), Some(memory(&object.spec, need, &before))),
        None => (before.quantization, before.memory),
    };
    ModelDeploymentStatus {
        observed_generation: object.metadata.generation,
        conditions,
        replicas,
        ready_replicas,
        desired_replicas: Some(object.spec.replicas),
        selector: Some(selector(name).iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")),
        served_name: Some(object.served_name().to_owned()),
        endpoint: Some(format!("http://{name}.{namespace}.svc/v1")),
        quantization,
        memory,
        calibration: remembered(object),
        placement: choice.as_ref().map(placement),
        download: observed.download.as_ref().map(Download::status),
        scaling: before.scaling,
    }
}

fn counts(outcome: &Outcome<'_>, pods: &[PodFacts]) -> (i32, i32) {
    let count = |wanted: &dyn Fn(&&PodFacts) -> bool| {
        i32::try_from(pods.iter().filter(wanted).count()).unwrap_or(i32::MAX)
    };
    match outcome {
        Outcome::Applied(_, children) => {
            let status = children.deployment.status.as_ref();
            let (replicas, ready) = (status.and_then(|s| s.replicas), status.and_then(|s| s.ready_replicas));
            (replicas.unwrap_or(0), ready.unwrap_or(0))
        }
        _ => (count(&|pod| !pod.terminating), count(&|pod| pod.ready && !pod.terminating)),
    }
}

fn parts(
    object: &ModelDeployment,
    observed: &Observed,
    outcome: &Outcome<'_>,
    planned: Option<(&Need, &Choice)>,
    ready: i32,
) -> Parts {
    let pending = || Verdict::unknown(Reason::Progressing, "the spec was not carried out yet");
    let accepted = match outcome {
        Outcome::Invalid(Invalid::Unsized(_)) => {
            Verdict::yes(Reason::Accepted, "the spec can be carried out once the model file is known")
        }
        Outcome::Invalid(invalid) => Verdict::no(reason_of(invalid), invalid.to_string()),
        Outcome::NotApplied(_, error @ ApplyError::NotOurs { .. }) => {
            Verdict::no(Reason::NameTaken, error.to_string())
        }
        Outcome::NotApplied(..) | Outcome::Applied(..) | Outcome::Planned(_) => {
            Verdict::yes(Reason::Accepted, "the spec can be carried out")
        }
    };
    let (sized, needs_size) = match (outcome, planned) {
        (_, Some((need, _))) => (sized(need), false),
        (Outcome::Invalid(Invalid::Unsized(cause)), None) => (unsized_verdict(cause), true),
        (_, None) => (pending(), false),
    };
    let placeable = planned.map_or_else(pending, |(need, choice)| {
        placeable(object, need, &observed.inventory, choice, waiting(object, &observed.pods))
    });
    let loaded = if planned.is_none() { pending() } else { loaded(object, observed, outcome, ready) };
    let desired = object.spec.replicas;
    let available = match outcome {
        Outcome::Applied(..) if desired == 0 => Verdict::yes(Reason::ScaledToZero, "no replica is asked for"),
        Outcome::Applied(..) if ready >= desired => {
            Verdict::yes(Reason::Serving, format!("{ready} of {desired} replicas serve"))
        }
        Outcome::NotApplied(_, error) => Verdict::unknown(Reason::ApplyFailed, error.to_string()),
        _ => Verdict::no(Reason::Progressing, format!("{ready} of {desired} replicas serve")),
    };
    let rolled_out = match outcome {
        Outcome::Applied(_, children) => desired == 0 || is_rolled_out(&children.deployment),
        _ => true,
    };
    Parts { accepted, sized, needs_size, placeable, loaded, available, rolled_out }
}

fn reason_of(invalid: &Invalid) -> Reason {
    match invalid {
        Invalid::Need(super::need::NeedError::UnknownPreset(_)) => Reason::UnknownPreset,
        _ => Reason::InvalidSpec,
    }
}

fn loaded(object: &ModelDeployment, observed: &Observed, outcome: &Outcome<'_>, ready: i32) -> Verdict {
    if object.spec.replicas == 0 {
        return Verdict::unknown(Reason::ScaledToZero, "no replica is asked for");
    }
    // The newest pod shows what the present spec does; an older one may still serve during a rollout.
    let newest_first = || observed.pods.iter().rev().filter(|pod| !pod.terminating);
    let problem = newest_first().find_map(|pod| {
        let of_engine =
            |problem: &Problem| Verdict::no(problem.reason, format!("pod {}: {}", pod.name, problem.message));
        let fetching = || Some(pod.fetching.as_ref()?.verdict(&pod.name, observed.download.as_ref()));
        pod.problem.as_ref().map(of_engine).or_else(fetching)
    });
    // Pods that were never made say nothing; those that there are know better why they do not serve.
    let refused = || match outcome {
        Outcome::Applied(_, children) => refused(&children.deployment),
        _ => None,
    };
    let problem = problem.or_else(|| Some(Verdict::no(Reason::PodsRefused, refused()?)));
    match problem {
        Some(verdict) if !verdict.holds() && (verdict.status == Some(false) || ready == 0) => verdict,
        _ if ready > 0 => Verdict::yes(Reason::Loaded, "the engine has loaded the model"),
        _ => Verdict::unknown(Reason::Starting, "replicas are starting"),
    }
}

/// Ready, Reconciling and Stalled from the parts: the first part that fails, in the order of cause and effect, says why.
fn summary(parts: &Parts) -> (Verdict, Verdict, Verdict) {
    let Parts { accepted, sized, needs_size, placeable, loaded, available, rolled_out } = parts;
    let sized = needs_size.then_some(sized);
    let causes = [Some(accepted), sized, Some(placeable), Some(loaded)].into_iter().flatten();
    let blocking = causes.into_iter().find(|verdict| verdict.status == Some(false));
    let moving = || Verdict::no(Reason::NotStalled, "");
    match blocking {
        Some(cause) => (
            Verdict::no(cause.reason, cause.message.clone()),
            Verdict::no(cause.reason, "waits for a change"),
            Verdict::yes(cause.reason, cause.message.clone()),
        ),
        None if available.holds() => (
            Verdict::yes(available.reason, available.message.clone()),
            if *rolled_out {
                Verdict::no(Reason::UpToDate, "")
            } else {
                let message = format!("{}; the Deployment is not rolled out yet", available.message);
                Verdict::yes(Reason::Progressing, message)
            },
            moving(),
        ),
        None => {
            let cause = sized.or(Some(loaded).filter(|loaded| !loaded.holds()));
            let (reason, message) = match cause {
                Some(cause) => (cause.reason, format!("{}; {}", available.message, cause.message)),
                None => (available.reason, available.message.clone()),
            };
            (Verdict::no(reason, message.clone()), Verdict::yes(reason, message), moving())
        }
    }
}

impl HasConditions for ModelDeploymentStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ready and Reconciling of a spec that was carried out, and is rolled out or not.
    fn said(loaded: Verdict, available: Verdict, rolled_out: bool) -> [(Option<bool>, String); 2] {
        let placeable = Verdict::yes(Reason::Fits, "fits");
        let accepted = Verdict::yes(Reason::Accepted, "accepted");
        let sized = Verdict::yes(Reason::FileRead, "read");
        let (ready, reconciling, _) =
            summary(&Parts { accepted, sized, needs_size: false, placeable, loaded, available, rolled_out });
        [ready, reconciling].map(|verdict| (verdict.status, verdict.message))
    }

    #[test]
    fn what_is_on_its_way_is_said_once() {
        let some = || Verdict::no(Reason::Progressing, "1 of 2 replicas serve");
        let loaded = Verdict::yes(Reason::Loaded, "the engine has loaded the model");
        let both = |message: &str| [(Some(false), message.to_owned()), (Some(true), message.to_owned())];
        assert_eq!(said(loaded, some(), true), both("1 of 2 replicas serve"));
        let starting = Verdict::unknown(Reason::Starting, "replicas are starting");
        assert_eq!(said(starting, some(), true), both("1 of 2 replicas serve; replicas are starting"));
    }

    #[test]
    fn what_serves_by_an_earlier_spec_is_not_the_end_of_it() {
        let loaded = Verdict::yes(Reason::Loaded, "the engine has loaded the model");
        let all = Verdict::yes(Reason::Serving, "1 of 1 replicas serve");
        let serves = (Some(true), all.message.clone());
        let rolling = (Some(true), format!("{}; the Deployment is not rolled out yet", all.message));
        assert_eq!(said(loaded.clone(), all.clone(), false), [serves.clone(), rolling]);
        assert_eq!(said(loaded, all, true), [serves, (Some(false), String::new())]);
    }
}
