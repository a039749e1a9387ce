//! One account in its present period.

use super::{Grant, Report, Reporter, RouterId, SessionId, Unit};
pub use flotilla_crds::router_config::Account;
use flotilla_crds::router_config::{LEASE_GRACE, Period};
use std::collections::BTreeMap;

/// The largest grant beyond what is needed, as a share of the budget: 1 %.
const LARGEST: u64 = 100;
/// A grant is this share of what each router could get of the rest.
const CAUTION: u64 = 4;
/// Routers that are gone and still known by name. Of more, only the sum of what they spent is kept; a router that comes
/// back after that would be counted twice, which is the safe side.
const REMEMBERED: usize = 64;

/// Who holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Book {
    /// When the period began, and when the next one does, in seconds since 1970.
    pub(super) period: i64,
    pub(super) next: i64,
    /// What is counted. Unknown of one that was written down without it, until a router speaks of it.
    pub(super) unit: Option<Unit>,
    pub(super) shares: BTreeMap<RouterId, Share>,
    /// What routers have spent that nobody remembers.
    pub(super) forgotten: u64,
}

/// What one router holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) granted: u64,
    pub(super) returned: u64,
    pub(super) spent: u64,
    /// What it asked for in vain.
    unmet: u64,
    presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// By this stream.
    Here(SessionId),
    /// Since then.
    Gone(i64),
}

impl Share {
    /// One of a router that is not here.
    pub(super) fn gone(granted: u64, returned: u64, spent: u64, since: i64) -> Self {
        Self { granted, returned, spent, unmet: 0, presence: Presence::Gone(since) }
    }

    fn lease(&self) -> u64 {
        self.granted.saturating_sub(self.returned)
    }

    /// What nobody else may have.
    fn held(&self) -> u64 {
        self.lease().max(self.spent)
    }

    /// What it had not spent is its own no more.
    fn close(&mut self) {
        self.returned = self.returned.max(self.granted.saturating_sub(self.spent));
    }
}

impl Book {
    /// An empty one.
    pub(super) fn of(period: i64, per: Period, unit: Unit) -> Self {
        Self { period, next: per.next(period), unit: Some(unit), shares: BTreeMap::new(), forgotten: 0 }
    }

    /// Whether it is one of such periods, and counts that.
    pub(super) fn is_of(&self, per: Period, unit: Unit) -> bool {
        let periods = per.start(self.period) == self.period && per.next(self.period) == self.next;
        periods && self.unit.is_none_or(|counted| counted == unit)
    }

    pub(super) fn held(&self) -> u64 {
        self.shares.values().fold(self.forgotten, |sum, share| sum.saturating_add(share.held()))
    }

    pub(super) fn spent(&self) -> u64 {
        self.shares.values().fold(self.forgotten, |sum, share| sum.saturating_add(share.spent))
    }

    /// Whether its period is over at a time.
    pub(super) fn is_over(&self, now: i64) -> bool {
        now >= self.next
    }

    pub(super) fn report(&mut self, limit: u64, from: Reporter, report: Report) -> Grant {
        let here = Presence::Here(from.session);
        let share = self.shares.entry(from.router).or_insert(Share::gone(0, 0, 0, 0));
        share.presence = here;
        // All of these only grow. A router keeps what it had before its stream broke or the operator was started anew,
        // even if others were granted it meanwhile: it may have spent it by now.
        share.granted = share.granted.max(report.granted);
        share.returned = report.returned.min(share.granted);
        share.spent = share.spent.max(report.spent);
        let share = *share;
        let rest = limit.saturating_sub(self.held());
        let wanted = share.spent.saturating_add(report.needed).saturating_sub(share.lease());
        let present = self.shares.values().filter(|share| matches!(share.presence, Presence::Here(_)));
        let routers = u64::try_from(present.count()).unwrap_or(u64::MAX).max(1);
        let largest = (rest / routers.saturating_mul(CAUTION)).min(limit / LARGEST);
        // What is needed, as far as there is any; and ahead of need, so that requests do not wait for it.
        let ahead = share.lease().saturating_sub(share.spent).saturating_sub(report.needed);
        let more = if report.needed == 0 || ahead >= largest.div_ceil(2) { 0 } else { largest };
        let more = wanted.saturating_add(more).min(rest);
        let granted = share.granted.saturating_add(more);
        if let Some(share) = self.shares.get_mut(&from.router) {
            share.granted = granted;
            share.unmet = wanted.saturating_sub(more);
        }
        Grant { granted, exhausted: self.shares.values().any(|share| share.unmet > 0) }
    }

    pub(super) fn leave(&mut self, from: Reporter, now: i64) {
        if let Some(share) = self.shares.get_mut(&from.router)
            // It may have come back by another stream before the end of this one was noticed.
            && share.presence == Presence::Here(from.session)
        {
            share.presence = Presence::Gone(now);
            share.unmet = 0;
        }
    }

    pub(super) fn expire(&mut self, now: i64) {
        let grace = i64::try_from(LEASE_GRACE.as_secs()).unwrap_or(i64::MAX);
        let mut gone = Vec::new();
        for (router, share) in &mut self.shares {
            if let Presence::Gone(since) = share.presence
                && now >= since.saturating_add(grace)
            {
                share.close();
                gone.push((since, *router));
            }
        }
        gone.sort_unstable();
        let oldest = gone.len().saturating_sub(REMEMBERED);
        for (_, router) in gone.into_iter().take(oldest) {
            let share = self.shares.remove(&router);
            self.forgotten = self.forgotten.saturating_add(share.map_or(0, |share| share.spent));
        }
    }
}
