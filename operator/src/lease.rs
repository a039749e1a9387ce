//! Leader election: one replica writes.
//!
//! The lease is always replaced with the resourceVersion that was read, so that of two candidates the API server
//! refuses one. Its age is measured by this replica's own clock from the moment it saw the lease change; clocks of
//! other machines do not matter.

use crate::kube_ext::{CallError, within};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The lease's name.
const LEASE: &str = "flotilla-operator";
/// Others may take it when it was not renewed for so long.
const DURATION: Duration = Duration::from_secs(15);
/// The holder stops writing when it could not renew for so long; shorter than [`DURATION`].
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY: Duration = Duration::from_secs(2);

/// Whether this replica may write.
#[derive(Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

impl Leadership {
    /// True while the lease is held.
    pub fn is_leader(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// How long this replica has led; nothing while it does not.
    pub fn lasted(&self) -> Duration {
        self.0.borrow().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits for the next gain or loss; false once the election has ended.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// Waits until this replica does not lead, or the election has ended.
    pub async fn lost(mut self) {
        let _ = self.0.wait_for(Option::is_none).await;
    }

    /// One that never changes, for tests.
    #[cfg(test)]
    pub fn always(leader: bool) -> Self {
        let (state, leadership) = watch::channel(leader.then(Instant::now));
        // An election that has ended leads no more.
        std::mem::forget(state);
        Self(leadership)
    }
}

/// Why an election ended.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease was held and could not be renewed in time: another replica may hold it by now.
    #[error("leadership lost: the lease could not be renewed within {} s", RENEW_DEADLINE.as_secs())]
    Lost,
}

/// How one try ended.
enum Turn {
    /// The lease is ours.
    Held,
    /// Somebody else holds it.
    Theirs,
    /// Somebody else wrote it in between.
    Raced,
}

/// One candidate.
pub struct Election {
    api: Api<Lease>,
    identity: String,
    /// Since when the lease is held.
    state: watch::Sender<Option<Instant>>,
    seen: Option<(String, Instant)>,
}

impl Election {
    /// A candidate with a client of its own, so that no other call can delay a renewal.
    pub fn new(client: Client, namespace: &str, identity: String) -> (Self, Leadership) {
        let (state, receiver) = watch::channel(None);
        (Self { api: Api::namespaced(client, namespace), identity, state, seen: None }, Leadership(receiver))
    }

    /// Takes part until `shutdown`, then gives the lease back. Returns an error when a held lease is lost.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), LeaseError> {
        let mut renewed = Instant::now();
        loop {
            let now = Instant::now();
            let held = self.state.borrow().is_some();
            let tried = self.try_hold(now);
            // No try goes on beyond the deadline: two calls may take longer than what is left. Who was stalled for longer
            // asks once whether the lease is still there.
            let until = (renewed + RENEW_DEADLINE).max(now + RETRY);
            let turn = if held { timeout_at(until, tried).await.ok() } else { Some(tried.await) };
            let Some(turn) = turn else { return self.lost() };
            match turn {
                Ok(Turn::Held) => {
                    renewed = now;
                    if !held {
                        tracing::info!(identity = %self.identity, "leading");
                        self.state.send_replace(Some(now));
                    }
                }
                Ok(Turn::Theirs) if held => return self.lost(),
                // Who was faster, and with what, the next read tells: it may have been an edit of an annotation.
                Ok(Turn::Theirs | Turn::Raced) => {}
                Err(error) => tracing::warn!(%error, "the lease could not be renewed or read"),
            }
            if held && renewed.elapsed() > RENEW_DEADLINE {
                return self.lost();
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        self.release().await;
        Ok(())
    }

    fn lost(&self) -> Result<(), LeaseError> {
        self.state.send_replace(None);
        Err(LeaseError::Lost)
    }

    /// How the lease stands after one try.
    async fn try_hold(&mut self, now: Instant) -> Result<Turn, CallError> {
        let live = within_retry("read the lease", self.api.get_opt(LEASE)).await?;
        let Some(live) = live else {
            let created =
                within_retry("create the lease", self.api.create(&PostParams::default(), &self.lease(None)))
                    .await;
            return won(created);
        };
        if !self.may_take(&live, now) {
            return Ok(Turn::Theirs);
        }
        let (params, renewed) = (PostParams::default(), self.lease(Some(&live)));
        won(within_retry("renew the lease", self.api.replace(LEASE, &params, &renewed)).await)
    }

    /// Ours, free, or not renewed for its whole duration as far as this replica has seen.
    fn may_take(&mut self, live: &Lease, now: Instant) -> bool {
        let version = live.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            _ => {
                self.seen = Some((version, now));
                now
            }
        };
        let spec = live.spec.as_ref();
        let holder = spec.and_then(|s| s.holder_identity.as_deref()).unwrap_or_default();
        let seconds = spec.and_then(|s| s.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        holder.is_empty() || holder == self.identity || now.duration_since(since) > duration
    }

    fn lease(&self, live: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let before = live.and_then(|l| l.spec.clone()).unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        let mut lease =
            Lease { metadata: live.map(|l| l.metadata.clone()).unwrap_or_default(), ..Lease::default() };
        lease.metadata.name = Some(LEASE.to_owned());
        lease.metadata.managed_fields = None;
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if ours { before.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(
                before.lease_transitions.unwrap_or(0) + i32::from(!ours && live.is_some()),
            ),
            ..LeaseSpec::default()
        });
        lease
    }

    /// Gives the lease back, so that the next replica does not have to wait for its end.
    async fn release(self) {
        if self.state.send_replace(None).is_none() {
            return;
        }
        let result = async {
            let Some(live) = within_retry("read the lease", self.api.get_opt(LEASE)).await? else {
                return Ok(());
            };
            if live.spec.as_ref().and_then(|s| s.holder_identity.as_deref()) != Some(&self.identity) {
                return Ok(());
            }
            let mut free = self.lease(Some(&live));
            if let Some(spec) = &mut free.spec {
                spec.holder_identity = None;
                spec.lease_duration_seconds = Some(1);
            }
            within_retry("release the lease", self.api.replace(LEASE, &PostParams::default(), &free))
                .await
                .map(drop)
        };
        if let Err(error) = result.await {
            tracing::warn!(%error, "the lease was not given back; the next replica waits for its end");
        }
    }
}

fn won(result: Result<Lease, CallError>) -> Result<Turn, CallError> {
    match result {
        Ok(_) => Ok(Turn::Held),
        Err(error) if error.is_conflict() => Ok(Turn::Raced),
        Err(error) => Err(error),
    }
}

/// A call for the lease must not take longer than the pause between two tries.
async fn within_retry<T>(
    action: &'static str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    tokio::time::timeout(RETRY, within(|| format!("could not {action}"), call))
        .await
        .unwrap_or_else(|_| Err(CallError::TimedOut { action: format!("could not {action}") }))
}
