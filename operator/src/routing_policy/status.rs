//! The status of a `RoutingPolicy`: pure, from the catalog and what routers report.

use super::ObjectKey;
use super::compile::{BackendVerdict, Compiled};
use super::conflict::Conflict;
use super::gateway;
use crate::conditions::{Conditions, Reason, Verdict, types};
use crate::kube_ext::{ApplyError, HasConditions};
use crate::push::Totals;
use flotilla_crds::RoutingPolicy;
use flotilla_crds::routing_policy::{BackendStatus, RouterCounts, RoutingPolicyStatus, SplitStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How far a reconcile came.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// An older policy claims one of its models; a gateway that it is to have no longer is gone, or could not be removed.
    Conflicted(&'a Conflict, Result<(), &'a ApplyError>),
    /// Routers may have it; the gateway was applied, or could not be.
    Published(&'a Compiled, &'a Totals, Result<(), &'a ApplyError>),
}

/// Computes the status.
pub fn status(object: &RoutingPolicy, outcome: &Outcome<'_>, now: Timestamp) -> RoutingPolicyStatus {
    let before = object.status.clone().unwrap_or_default();
    let (accepted, resolved, programmed) = parts(outcome);
    let (ready, reconciling, stalled) = summary(&accepted, &resolved, &programmed);
    let conditions = Conditions { before: &before.conditions, generation: object.metadata.generation, now }
        .build(&[
            (types::READY, &ready),
            (types::RECONCILING, &reconciling),
            (types::STALLED, &stalled),
            (types::ACCEPTED, &accepted),
            (types::BACKENDS_RESOLVED, &resolved),
            (types::PROGRAMMED, &programmed),
        ]);
    let none = Totals::default();
    let (backends, totals): (Vec<BackendStatus>, _) = match outcome {
        Outcome::Conflicted(..) => (Vec::new(), &none),
        Outcome::Published(compiled, totals, _) => (compiled.backends.iter().map(backend).collect(), *totals),
    };
    RoutingPolicyStatus {
        observed_generation: object.metadata.generation,
        models: object.spec.models.join(","),
        backend_summary: format!(
            "{}/{}",
            backends.iter().filter(|b| b.healthy).count(),
            object.spec.backends.len()
        ),
        conditions,
        endpoint: endpoint(object, outcome, before.endpoint),
        routers: RouterCounts {
            total: totals.routers,
            programmed: totals.programmed,
            rejected: totals.rejected,
            summary: format!("{}/{}", totals.programmed, totals.routers),
        },
        split: split(totals),
        spend: (totals.routers > 0).then(|| totals.spend.to_string()),
        backends,
    }
}

/// The gateway's address. One that is to go, and could not be removed, is still there: without its address the next try
/// would not look for it.
fn endpoint(object: &RoutingPolicy, outcome: &Outcome<'_>, before: Option<String>) -> Option<String> {
    let (Outcome::Conflicted(_, gateway) | Outcome::Published(.., gateway)) = outcome;
    match object.spec.gateway {
        Some(_) => Some(gateway::endpoint(&ObjectKey::of(object))),
        None => before.filter(|_| gateway.is_err()),
    }
}

fn backend(verdict: &BackendVerdict) -> BackendStatus {
    BackendStatus {
        name: verdict.name.clone(),
        healthy: verdict.healthy,
        reason: verdict.reason.as_str().to_owned(),
    }
}

fn split(totals: &Totals) -> Option<SplitStatus> {
    let all = totals.fleet_requests.checked_add(totals.external_requests).filter(|all| *all > 0)?;
    let percent = |part: u64| format!("{:.1}", 100.0 * part as f64 / all as f64);
    Some(SplitStatus {
        fleet_percent: percent(totals.fleet_requests),
        external_percent: percent(totals.external_requests),
        requests: i64::try_from(all).unwrap_or(i64::MAX),
    })
}

fn parts(outcome: &Outcome<'_>) -> (Verdict, Verdict, Verdict) {
    match outcome {
        Outcome::Conflicted(Conflict { model, winner }, _) => {
            let message = format!(
                "RoutingPolicy {winner} is older and claims model {model}: remove the model from one of them"
            );
            let unknown = || Verdict::unknown(Reason::Conflicted, "the policy is not in force");
            (
                Verdict::no(Reason::Conflicted, message),
                unknown(),
                Verdict::no(Reason::Conflicted, "the policy is not in force"),
            )
        }
        Outcome::Published(compiled, totals, gateway) => {
            let accepted = match gateway {
                Err(error @ ApplyError::NotOurs { .. }) => Verdict::no(Reason::NameTaken, error.to_string()),
                Err(ApplyError::Call(_)) | Ok(()) => {
                    Verdict::yes(Reason::Accepted, accepted(&compiled.backends))
                }
            };
            let programmed = match (gateway, programmed(totals)) {
                (Err(error @ ApplyError::Call(_)), programmed) if programmed.reason != Reason::Rejected => {
                    Verdict::unknown(Reason::ApplyFailed, error.to_string())
                }
                (_, programmed) => programmed,
            };
            (accepted, resolved(compiled), programmed)
        }
    }
}

fn accepted(backends: &[BackendVerdict]) -> String {
    let never = backends.iter().filter(|backend| backend.never_spills);
    let never: Vec<_> = never.filter_map(|backend| backend.model_deployment.as_deref()).collect();
    if never.is_empty() {
        return "the spec can be carried out".to_owned();
    }
    format!(
        "the spec can be carried out; requests never spill from ModelDeployment {}, whose load nobody looks at: \
         give it spec.scaling, mode Advisory is enough",
        never.join(", ")
    )
}

fn resolved(compiled: &Compiled) -> Verdict {
    let missing = compiled.backends.iter().filter(|b| !b.resolved);
    let missing = missing.map(|b| (b.reason, format!("backend {}: {}", b.name, b.message)));
    let clients = compiled.clients_loading.iter().map(|namespace| {
        let message = format!(
            "clients: the Secrets with their keys in namespace {namespace} are being read, and until then no client gets in"
        );
        (Reason::SecretLoading, message)
    });
    let missing: Vec<_> = missing.chain(clients).collect();
    match missing.first() {
        None => Verdict::yes(Reason::Resolved, "every backend exists"),
        Some((reason, _)) => {
            let all: Vec<_> = missing.iter().map(|(_, message)| message.as_str()).collect();
            Verdict::no(*reason, all.join("; "))
        }
    }
}

fn programmed(totals: &Totals) -> Verdict {
    let Totals { routers, programmed, rejected, refusal, .. } = totals;
    match refusal {
        Some(refusal) => {
            Verdict::no(Reason::Rejected, format!("{rejected} of {routers} routers refused it; {refusal}"))
        }
        None if *routers == 0 => Verdict::unknown(
            Reason::NoRouters,
            "no router is connected; pods that match spec.attach.selector and carry flotilla.dev/inject: enabled get one when they are created",
        ),
        None if programmed == routers => {
            Verdict::yes(Reason::Programmed, format!("{programmed} of {routers} routers follow it"))
        }
        None => Verdict::no(Reason::Pending, format!("{programmed} of {routers} routers follow it")),
    }
}

/// A policy without routers is ready: it has nothing left to do, and a GitOps tool must not wait for pods of others.
fn summary(accepted: &Verdict, resolved: &Verdict, programmed: &Verdict) -> (Verdict, Verdict, Verdict) {
    let by_itself = |v: &&Verdict| matches!(v.reason, Reason::Pending | Reason::SecretLoading);
    let waits = |v: &&Verdict| v.reason == Reason::ApplyFailed || (v.status == Some(false) && by_itself(v));
    let fails = |v: &&Verdict| v.status == Some(false) && !by_itself(v);
    let all = [accepted, resolved, programmed];
    let moving = || Verdict::no(Reason::NotStalled, "");
    if let Some(cause) = all.into_iter().find(fails) {
        let no = Verdict::no(cause.reason, cause.message.clone());
        return (
            no,
            Verdict::no(cause.reason, "waits for a change"),
            Verdict::yes(cause.reason, cause.message.clone()),
        );
    }
    if let Some(cause) = all.into_iter().find(waits) {
        let no = Verdict::no(cause.reason, cause.message.clone());
        return (no, Verdict::yes(cause.reason, cause.message.clone()), moving());
    }
    (Verdict::yes(programmed.reason, programmed.message.clone()), Verdict::no(Reason::UpToDate, ""), moving())
}

impl HasConditions for RoutingPolicyStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube_ext::CallError;
    use serde_json::json;

    fn compiled() -> Compiled {
        let policy = json!({"name": "apps/split", "models": [], "backends": [], "default": {"backends": []}});
        let policy = serde_json::from_value(policy).unwrap();
        Compiled { policy, backends: Vec::new(), spill: None, clients_loading: None }
    }

    fn failed() -> ApplyError {
        let source = Box::new(kube::Error::LinesCodecMaxLineLengthExceeded);
        ApplyError::Call(CallError::Failed {
            action: "could not apply Service split-gateway".to_owned(),
            source,
        })
    }

    fn said(outcome: &Outcome<'_>) -> Vec<(Option<bool>, Reason)> {
        let (accepted, resolved, programmed) = parts(outcome);
        let (ready, reconciling, stalled) = summary(&accepted, &resolved, &programmed);
        [accepted, programmed, ready, reconciling, stalled].map(|said| (said.status, said.reason)).to_vec()
    }

    #[test]
    fn a_policy_whose_gateway_could_not_be_written_is_not_ready_and_is_tried_again() {
        let (compiled, totals, error) = (compiled(), Totals::default(), failed());
        let expected = [
            (Some(true), Reason::Accepted),
            (None, Reason::ApplyFailed),
            (Some(false), Reason::ApplyFailed),
            (Some(true), Reason::ApplyFailed),
            (Some(false), Reason::NotStalled),
        ];
        assert_eq!(said(&Outcome::Published(&compiled, &totals, Err(&error))), expected);
        let follows = Totals { routers: 1, programmed: 1, ..Totals::default() };
        assert_eq!(said(&Outcome::Published(&compiled, &follows, Err(&error))), expected);
        let refused =
            Totals { routers: 1, rejected: 1, refusal: Some("bad".to_owned()), ..Totals::default() };
        let worse = said(&Outcome::Published(&compiled, &refused, Err(&error)));
        assert_eq!(worse[2], (Some(false), Reason::Rejected), "that waits for a person");
    }

    #[test]
    fn keys_of_clients_that_cannot_be_read_keep_a_policy_from_being_ready() {
        let compiled = Compiled { clients_loading: Some("apps".to_owned()), ..compiled() };
        let outcome = Outcome::Published(&compiled, &Totals::default(), Ok(()));
        let (_, resolved, _) = parts(&outcome);
        assert_eq!((resolved.status, resolved.reason), (Some(false), Reason::SecretLoading));
        assert!(resolved.message.contains("namespace apps"), "{}", resolved.message);
        assert_eq!(
            said(&outcome)[2..4],
            [(Some(false), Reason::SecretLoading), (Some(true), Reason::SecretLoading)]
        );
    }

    #[test]
    fn models_that_never_spill_are_named_and_the_policy_is_accepted_all_the_same() {
        let backend = |name: &str, never_spills| BackendVerdict {
            name: name.to_owned(),
            model_deployment: Some(name.to_owned()),
            healthy: true,
            resolved: true,
            reason: Reason::Resolved,
            message: String::new(),
            never_spills,
        };
        let message = |backends: &[BackendVerdict]| {
            let compiled = Compiled { backends: backends.to_vec(), ..compiled() };
            let (accepted, ..) = parts(&Outcome::Published(&compiled, &Totals::default(), Ok(())));
            assert_eq!((accepted.status, accepted.reason), (Some(true), Reason::Accepted));
            accepted.message
        };
        assert_eq!(message(&[backend("a", false)]), "the spec can be carried out");
        let told = message(&[backend("a", true), backend("b", false), backend("c", true)]);
        assert!(told.contains("never spill from ModelDeployment a, c,"), "{told}");
    }
}
