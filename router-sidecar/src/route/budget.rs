//! The retry budget of a policy: attempts beyond the first are paid from what first attempts put in.
//!
//! Each request puts in a share of a token, and a few tokens a second come in by themselves, so that a policy with
//! little traffic can still fail over. When most requests fail, the share bounds what is sent in all: 20 % more,
//! not twice as much.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Thousandths of an attempt.
const ATTEMPT: u64 = 1000;
/// What is saved of a share, in percent: the budget of this many requests may be spent at once.
const SAVED_REQUESTS: u64 = 100;

/// How much a budget takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRules {
    /// Further attempts per hundred requests.
    pub percent: u32,
    /// Further attempts a second whatever the traffic.
    pub per_second: u32,
}

/// A token bucket in two parts.
#[derive(Debug)]
pub struct RetryBudget(Mutex<Purse>);

#[derive(Debug)]
struct Purse {
    /// From requests.
    earned: u64,
    /// From time.
    floor: u64,
    filled: Instant,
}

impl RetryBudget {
    /// A budget whose floor is full.
    pub fn new(now: Instant) -> Self {
        Self(Mutex::new(Purse { earned: 0, floor: u64::MAX, filled: now }))
    }

    /// A request came.
    pub fn deposit(&self, rules: BudgetRules) {
        let share = u64::from(rules.percent) * ATTEMPT / 100;
        let mut purse = self.0.lock();
        purse.earned = (purse.earned + share).min(share * SAVED_REQUESTS);
    }

    /// Whether a further attempt could be taken out now: asked before what it has to wait for.
    pub fn affords(&self, rules: BudgetRules, now: Instant) -> bool {
        let mut purse = self.0.lock();
        purse.fill(rules, now);
        purse.floor.max(purse.earned) >= ATTEMPT
    }

    /// Takes one further attempt out; false if there is none.
    pub fn withdraw(&self, rules: BudgetRules, now: Instant) -> bool {
        let mut purse = self.0.lock();
        purse.fill(rules, now);
        let Purse { earned, floor, .. } = &mut *purse;
        for part in [floor, earned] {
            if *part >= ATTEMPT {
                *part -= ATTEMPT;
                return true;
            }
        }
        false
    }
}

impl Purse {
    /// Lets in what came since the last time.
    fn fill(&mut self, rules: BudgetRules, now: Instant) {
        let full = u64::from(rules.per_second) * ATTEMPT;
        let millis = now.saturating_duration_since(self.filled).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        let came = millis.saturating_mul(u64::from(rules.per_second));
        self.floor = self.floor.saturating_add(came).min(full);
        // What is less than a millisecond counts the next time.
        self.filled += Duration::from_millis(millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BudgetRules = BudgetRules { percent: 20, per_second: 2 };

    #[test]
    fn an_outage_adds_a_fifth_and_the_floor_and_no_more() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let mut again = 0;
        for _ in 0..1000 {
            budget.deposit(RULES);
            again += u32::from(budget.withdraw(RULES, now));
        }
        assert_eq!(again, 200 + 2);
    }

    #[test]
    fn the_floor_comes_back_with_time_and_does_not_pile_up() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let taken = |at| (0..100).filter(|_| budget.withdraw(RULES, at)).count();
        assert!(budget.affords(RULES, now) && budget.affords(RULES, now));
        assert_eq!(taken(now), 2);
        assert!(!budget.affords(RULES, now));
        assert_eq!(taken(now + Duration::from_millis(499)), 0);
        assert_eq!(taken(now + Duration::from_millis(500)), 1);
        assert_eq!(taken(now + Duration::from_hours(1)), 2);
    }

    #[test]
    fn a_quiet_day_does_not_pay_for_a_storm() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        (0..1_000_000).for_each(|_| budget.deposit(RULES));
        let taken = (0..100_000).filter(|_| budget.withdraw(RULES, now)).count();
        assert_eq!(taken as u64, 2 + u64::from(RULES.percent) * SAVED_REQUESTS / 100);
    }

    #[test]
    fn a_budget_of_nothing_pays_for_nothing() {
        let none = BudgetRules { percent: 0, per_second: 0 };
        let budget = RetryBudget::new(Instant::now());
        budget.deposit(none);
        assert!(!budget.withdraw(none, Instant::now() + Duration::from_hours(1)));
    }

    #[test]
    fn whoever_asks_more_than_once_a_millisecond_gets_the_floor_all_the_same() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let taken =
            (0..=50_000).filter(|n| budget.withdraw(RULES, now + Duration::from_micros(n * 100))).count();
        assert_eq!(taken, 2 + 2 * 5);
    }
}
