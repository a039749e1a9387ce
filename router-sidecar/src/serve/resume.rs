//! Going on with a stream that broke off after its first content.
//!
//! Another fleet endpoint gets what was already sent as the beginning of its answer, and the client reads on in the
//! same stream. External APIs are left out: most of them begin a new answer instead of going on with one.

use super::leg::{ask, place_at, remember};
use crate::account::Record;
use crate::budget::{Estimate, reserve_now};
use crate::request::{peek, prefill};
use crate::route::{Ask, Standing};
use crate::snapshot::{Backend, BackendIndex, Endpoint, Policy, Side};
use crate::sse::Before;
use crate::upstream::{Answer, Failure, Outgoing, Reading, Slot, UpstreamClient, Wire, attempt};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;

/// What it takes to go on. Used once a request: an answer that breaks twice is not worth a third prompt.
pub(super) struct Resume {
    client: UpstreamClient,
    outgoing: Outgoing,
    targets: Vec<BackendIndex>,
}

/// An attempt to go on, under way.
pub(super) struct Going {
    /// Ends with the answer that goes on.
    pub(super) answer: BoxFuture<'static, Result<Answer, Failure>>,
    /// Tells the client, in a comment that parsers pass over.
    pub(super) comment: Bytes,
    /// Where it goes on, and what for.
    backend: Arc<Backend>,
    place: usize,
    ask: Ask,
}

impl Going {
    /// It goes on: its endpoint has what comes next of the same session and prompt, and not the one that broke.
    pub(super) fn remember(&self) {
        if let Some(endpoint) = self.backend.endpoints.get(self.place) {
            remember(&self.backend, &self.ask, endpoint);
        }
    }
}

/// Where a stream goes on.
struct Found {
    target: BackendIndex,
    backend: Arc<Backend>,
    /// The endpoint's place in it.
    place: usize,
    slot: Option<Arc<Slot>>,
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume").field("targets", &self.targets).finish_non_exhaustive()
    }
}

impl fmt::Debug for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Going").field("comment", &self.comment).finish_non_exhaustive()
    }
}

impl Resume {
    /// For a request that may be continued by these targets of its plan.
    pub(super) fn new(client: UpstreamClient, outgoing: Outgoing, targets: Vec<BackendIndex>) -> Self {
        Self { client, outgoing, targets }
    }

    /// Sends the rest of a broken answer's request to another endpoint; `None` if that cannot be done.
    pub(super) fn start(self, record: &mut Record, reading: &Reading, total: Instant) -> Option<Going> {
        let policy = Arc::clone(record.policy());
        let (_, pieces) = reading.seen();
        let body = prefill(&self.outgoing.body, reading.text()?, pieces)?;
        let peek = peek(&body).ok()?;
        let Found { target, backend, place, slot } = self.find(record, &policy, peek.prompt_tokens)?;
        let reservation = reserve_now(&policy, record.client(), target, Estimate::of(&peek)).ok()?;
        let now = Instant::now();
        if now >= total || !policy.budget.withdraw(policy.budget_rules, now.into_std()) {
            return None;
        }
        let endpoint = backend.endpoints.get(place)?;
        let (tokens, begun) = record.continued(target, endpoint, slot, reservation);
        let before = Before { identity: reading.identity(), tokens };
        let wire = Wire::AsItIs;
        let outgoing = self.outgoing.continued(body, peek, before);
        let comment = format!(": flotilla: the stream broke off, {} went on\n\n", backend.name);
        let by = total.min(now + policy.timeouts.first_token);
        let client = self.client;
        let (ask, to) = (ask(&backend, &outgoing), Arc::clone(&backend));
        let answer = async move {
            let endpoint = to.endpoints.get(place).ok_or(Failure::Connect)?;
            attempt(&client, &to, endpoint, &outgoing, &wire, &begun, by).await
        };
        Some(Going { answer: Box::pin(answer), comment: comment.into(), backend, place, ask })
    }

    /// A fleet endpoint of the plan that is well, is not the one that broke, and whose backend may have the request, has
    /// a window for what it has become, and lets it in now.
    fn find(&self, record: &Record, policy: &Policy, prompt_tokens: u32) -> Option<Found> {
        let now = std::time::Instant::now();
        let usable =
            |endpoint: &Endpoint| !record.is_at(endpoint) && endpoint.health.standing(now) == Standing::Good;
        let fits = |backend: &Backend| backend.context_window.is_none_or(|window| window >= prompt_tokens);
        let broken = record.target();
        let others = |failed: bool| {
            let targets = self.targets.iter().copied().filter(move |target| Some(*target) != broken);
            targets.filter(move |target| record.may_try(*target) != failed)
        };
        // The target that broke comes first: its other pods serve the same model. Where the request failed before comes
        // last.
        let targets = broken.into_iter().chain(others(false)).chain(others(true));
        let mut targets = targets.filter(|target| record.leaves_open(*target));
        targets.find_map(|target| {
            let backend = policy.backends.get(target).filter(|b| b.side == Side::InCluster && fits(b))?;
            let places = 0..backend.endpoints.len();
            let idle =
                |place: &usize| backend.endpoints.get(*place).map_or(u64::MAX, |e| e.load.outstanding());
            let place =
                places.filter(|place| backend.endpoints.get(*place).is_some_and(usable)).min_by_key(idle)?;
            // The same backend counts the request already.
            let slot = if Some(target) == broken { record.slot() } else { place_at(backend).ok()? };
            Some(Found { target, backend: Arc::clone(backend), place, slot })
        })
    }
}
