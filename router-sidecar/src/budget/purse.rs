//! One account at this router, in its present period.

use super::LeaseNeed;
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long a request waits for a lease. The operator answers within milliseconds, if it is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is left of a lease is given back when no request came for so long.
const IDLE: Duration = Duration::from_secs(5);

/// What was granted, spent and reserved.
#[derive(Debug, Default)]
pub struct Purse {
    state: Mutex<State>,
    granted: Notify,
}

/// Amounts are nano-dollars or tokens.
#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// When the period began, in seconds since 1970.
    period: i64,
    /// In all.
    granted: u64,
    /// Of what was granted, given back.
    returned: u64,
    spent: u64,
    /// By attempts under way.
    reserved: u64,
    /// By requests that wait, and by those turned away since the last report.
    wanted: u64,
    /// Somebody needed more than there was, when it was last asked for.
    exhausted: bool,
    /// When a request last came.
    used: Option<Instant>,
}

/// What an account says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When its period began.
    pub period: i64,
    /// What it was granted in all.
    pub granted: u64,
    /// What it has given back.
    pub returned: u64,
    /// What it has spent.
    pub spent: u64,
    /// What it needs besides.
    pub needed: u64,
}

impl State {
    /// A new period begins with nothing but what a budget without leases has at once. A clock that is set back changes
    /// nothing.
    fn at(&mut self, period: i64, own: Option<u64>) {
        if period > self.period {
            *self = Self { period, ..Self::default() };
        }
        // The limit may have changed with the config.
        self.granted = own.unwrap_or(self.granted);
    }

    fn free(&self) -> u64 {
        self.granted.saturating_sub(self.returned).saturating_sub(self.spent).saturating_sub(self.reserved)
    }

    fn reserve(&mut self, amount: u64) -> bool {
        self.used = Some(Instant::now());
        let fits = amount <= self.free();
        if fits {
            self.reserved += amount;
        }
        fits
    }
}

impl Purse {
    /// Reserves an amount in a period; false if it is not there. `own` is the limit of a budget without leases.
    pub fn reserve(&self, period: i64, amount: u64, own: Option<u64>) -> bool {
        let mut state = self.state.lock();
        state.at(period, own);
        state.reserve(amount)
    }

    /// The same with leases: waits for one if need be.
    pub async fn reserve_leased(&self, period: i64, amount: u64, need: &LeaseNeed) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let granted = self.granted.notified();
            let mut granted = std::pin::pin!(granted);
            // Listening before looking: a lease that comes in between is not missed.
            granted.as_mut().enable();
            {
                let mut state = self.state.lock();
                state.at(period, None);
                let reserved = state.reserve(amount);
                if !reserved {
                    state.wanted = state.wanted.saturating_add(amount);
                }
                // Before it runs out, so that the next request need not wait.
                let low = state.free() < state.reserved;
                if (low || !reserved) && !state.exhausted {
                    need.raise();
                }
                if reserved || state.exhausted {
                    return reserved;
                }
            }
            if timeout_at(deadline, granted).await.is_err() {
                // Nobody grants anything: the next one need not wait for that.
                self.state.lock().exhausted = true;
                return false;
            }
        }
    }

    /// Whether it may well have so much: it has, or nobody said yet that there is no more to be had.
    pub fn may_pay(&self, period: i64, amount: u64, own: Option<u64>) -> bool {
        let mut state = self.state.lock();
        state.at(period, own);
        let pays = amount <= state.free() || (own.is_none() && !state.exhausted);
        if !pays {
            // Asked for with the next report: what others give back may do.
            state.wanted = state.wanted.max(amount);
        }
        pays
    }

    /// An attempt that reserved this much has taken that much. In a later period it is nobody's any more.
    pub fn settle(&self, period: i64, reserved: u64, used: u64) {
        let mut state = self.state.lock();
        if state.period == period {
            state.reserved = state.reserved.saturating_sub(reserved);
            state.spent = state.spent.saturating_add(used);
        }
    }

    /// What to tell the operator, once in a while; nothing before the first use. Gives back what is not needed here: at
    /// once where others need it (a rest that is too small for a request here may do with theirs), or where the router is
    /// `stopping`.
    pub fn report(&self, stopping: bool) -> Option<Report> {
        let mut state = self.state.lock();
        let idle = || state.used.is_some_and(|used| used.elapsed() >= IDLE);
        let gives_back = state.free() > 0 && (stopping || state.exhausted || idle());
        let mut wanted = 0;
        if gives_back {
            // What is wanted is asked for the next time: rests that come back by the same message are too small again.
            state.returned = state.returned.saturating_add(state.free());
        } else {
            wanted = std::mem::take(&mut state.wanted);
        }
        let State { period, granted, returned, spent, reserved, .. } = *state;
        let needed = reserved.saturating_add(wanted);
        (period > 0).then_some(Report { period, granted, returned, spent, needed })
    }

    /// The operator grants so much in all.
    pub fn grant(&self, period: i64, granted: u64, exhausted: bool) {
        let mut state = self.state.lock();
        if state.period == period {
            // Answers that cross reports come late, never with less.
            state.granted = state.granted.max(granted);
            state.exhausted = exhausted;
            drop(state);
            self.granted.notify_waiters();
        }
    }

    /// What can still be promised in a period.
    pub fn available(&self, period: i64, own: Option<u64>) -> u64 {
        let mut state = self.state.lock();
        state.at(period, own);
        state.free()
    }

    /// What is spent and reserved.
    pub fn taken(&self) -> u64 {
        let state = self.state.lock();
        state.spent.saturating_add(state.reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_reserved_is_out_of_reach_until_it_is_settled() {
        let (purse, own) = (Purse::default(), Some(100));
        assert!(purse.reserve(60, 70, own) && !purse.reserve(60, 31, own) && purse.reserve(60, 30, own));
        purse.settle(60, 70, 10);
        assert!(purse.reserve(60, 60, own) && !purse.reserve(60, 1, own));
        // An answer that took more than was thought.
        purse.settle(60, 60, 90);
        assert_eq!(purse.taken(), 130);
        // A new period begins with all of it; what is settled late changes nothing in it.
        assert!(purse.reserve(120, 100, own));
        purse.settle(60, 30, 30);
        assert_eq!(purse.taken(), 100);
        // A clock that is set back does not fill it again.
        assert!(!purse.reserve(60, 1, own));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_its_lease_and_no_longer_than_that_makes_sense() {
        let (purse, need) = (Arc::new(Purse::default()), Arc::new(LeaseNeed::default()));
        let waiting = tokio::spawn({
            let (purse, need) = (Arc::clone(&purse), Arc::clone(&need));
            async move { purse.reserve_leased(60, 10, &need).await }
        });
        need.raised().await;
        let report = Report { period: 60, granted: 0, returned: 0, spent: 0, needed: 10 };
        assert_eq!(purse.report(false), Some(report));
        purse.grant(60, 100, false);
        assert!(waiting.await.unwrap());
        assert!(purse.reserve_leased(60, 90, &need).await);
        // Nothing is left, and the operator says so: nobody waits.
        assert!(purse.may_pay(60, 1, None));
        purse.grant(60, 100, true);
        assert!(!purse.may_pay(60, 1, None));
        let begun = Instant::now();
        assert!(!purse.reserve_leased(60, 1, &need).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        // There is no operator: one request waits for it, and the next ones do not.
        assert!(!purse.reserve_leased(120, 1, &need).await);
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(!purse.reserve_leased(120, 1, &need).await);
        assert_eq!(begun.elapsed(), PATIENCE);
        purse.grant(120, 5, false);
        assert!(purse.reserve_leased(120, 5, &need).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_uses_here_is_given_back_and_what_is_reserved_is_not() {
        let purse = Purse::default();
        let returned = || purse.report(false).unwrap().returned;
        assert!(!purse.reserve(60, 30, None));
        purse.grant(60, 100, false);
        assert!(purse.reserve(60, 30, None));
        assert_eq!(returned(), 0, "what was asked for, for now");
        tokio::time::advance(IDLE).await;
        assert_eq!(returned(), 70);
        purse.settle(60, 30, 10);
        assert!(!purse.reserve(60, 21, None) && purse.reserve(60, 20, None));
        purse.settle(60, 20, 0);
        // Others need it: at once.
        assert_eq!(returned(), 70);
        purse.grant(60, 110, true);
        assert_eq!(returned(), 100);
        // A late answer from before brings nothing of it back.
        purse.grant(60, 100, false);
        assert!(!purse.reserve(60, 1, None));
        assert_eq!(
            purse.report(false).unwrap(),
            Report { period: 60, granted: 110, returned: 100, spent: 10, needed: 0 }
        );
    }
}
