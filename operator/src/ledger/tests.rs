//! The promises of budgets, over routers as the ledger sees them.

use super::*;
use proptest::prelude::*;

/// A budget of a day, and a time in its first period.
fn terms(limit: u64) -> Terms {
    Terms { limit, per: Period::Day, unit: Unit::Tokens }
}

const NOW: i64 = 1000;

fn router(id: RouterId) -> Reporter {
    Reporter { router: id, session: id }
}

fn account() -> Account {
    Account { policy: "p".to_owned(), budget: "b".to_owned(), client: None }
}

/// A router as the ledger sees it: it spends what it was granted, and asks when that does not do.
#[derive(Debug, Clone, Default)]
struct Router {
    granted: u64,
    returned: u64,
    spent: u64,
    /// Of requests under way: what each reserved, and what it turns out to take.
    under_way: Vec<(u64, u64)>,
    exhausted: bool,
}

impl Router {
    fn reserved(&self) -> u64 {
        self.under_way.iter().map(|(reserved, _)| reserved).sum()
    }

    fn free(&self) -> u64 {
        (self.granted - self.returned).saturating_sub(self.spent + self.reserved())
    }

    fn ask(&mut self, ledger: &mut Ledger, id: RouterId, limit: u64, more: u64) {
        if self.exhausted && more == 0 {
            self.returned += self.free();
        }
        let Self { granted, returned, spent, .. } = *self;
        let report = Report { period: 0, granted, returned, spent, needed: self.reserved() + more };
        let grant = ledger.report(&account(), terms(limit), router(id), report, NOW).unwrap();
        (self.granted, self.exhausted) = (grant.granted, grant.exhausted);
    }

    /// A request begins; false if the budget is spent.
    fn begin(&mut self, ledger: &mut Ledger, id: RouterId, limit: u64, reserve: u64, takes: u64) -> bool {
        if reserve > self.free() {
            self.ask(ledger, id, limit, reserve);
        }
        let fits = reserve <= self.free();
        if fits {
            self.under_way.push((reserve, takes));
        }
        fits
    }

    fn end(&mut self, which: usize) {
        if !self.under_way.is_empty() {
            let (_, takes) = self.under_way.swap_remove(which % self.under_way.len());
            self.spent += takes;
        }
    }
}

const DOLLAR: u64 = 1_000_000_000;

/// Eight routers with 64 clients each, and a budget of one dollar: requests of 0.02 to 0.5 cents, until all is spent.
#[test]
fn eight_routers_spend_a_dollar_and_no_more() {
    for seed in 0..50_u64 {
        let mut ledger = Ledger::new();
        let mut routers = vec![Router::default(); 8];
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut roll = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            dice >> 33
        };
        let mut refused = 0;
        while refused < 2000 {
            let id = roll() % 8;
            let router = &mut routers[usize::try_from(id).unwrap()];
            if router.under_way.len() < 64 && roll() % 2 == 0 {
                let takes = DOLLAR / 5000 + roll() % (DOLLAR / 200);
                let begun = router.begin(&mut ledger, id, DOLLAR, takes, takes / 2 + roll() % (takes / 2));
                refused += u64::from(!begun);
            } else {
                router.end(usize::try_from(roll()).unwrap());
            }
        }
        for router in &mut routers {
            while !router.under_way.is_empty() {
                router.end(0);
            }
        }
        // What was reserved and not taken is there again: small requests take the rest.
        for _ in 0..5000 {
            let id = roll() % 8;
            let router = &mut routers[usize::try_from(id).unwrap()];
            router.begin(&mut ledger, id, DOLLAR, DOLLAR / 5000, DOLLAR / 5000);
            router.end(0);
        }
        let spent: u64 = routers.iter().map(|router| router.spent).sum();
        assert!(spent <= DOLLAR, "seed {seed}: {spent}");
        assert!(spent >= DOLLAR - DOLLAR / 50, "seed {seed}: only {spent}");
    }
}

fn report(granted: u64, returned: u64, spent: u64, needed: u64) -> Report {
    Report { period: 0, granted, returned, spent, needed }
}

/// What router `id` gets of a budget of 1,000 when it says so.
fn says(ledger: &mut Ledger, id: RouterId, report: Report, now: i64) -> Grant {
    ledger.report(&account(), terms(1000), router(id), report, now).unwrap()
}

const GRACE: i64 = 30;

#[test]
fn what_a_killed_router_had_not_spent_comes_back() {
    let mut ledger = Ledger::new();
    let first = says(&mut ledger, 1, report(0, 0, 0, 1000), NOW);
    assert_eq!(first, Grant { granted: 1000, exhausted: false });
    assert_eq!(says(&mut ledger, 2, report(0, 0, 0, 10), NOW), Grant { granted: 0, exhausted: true });
    says(&mut ledger, 1, report(1000, 0, 300, 0), NOW);
    ledger.leave(router(1), NOW);
    // It may be on its way back.
    ledger.expire(NOW + GRACE - 1);
    assert_eq!(says(&mut ledger, 2, report(0, 0, 0, 700), NOW).granted, 0);
    ledger.expire(NOW + GRACE);
    assert_eq!(says(&mut ledger, 2, report(0, 0, 0, 700), NOW).granted, 700);
    assert_eq!(ledger.spent(&account()), 300);
    assert!(says(&mut ledger, 2, report(700, 0, 700, 1), NOW).exhausted);
}

#[test]
fn what_is_given_back_is_there_for_others_and_who_lacks_it_makes_others_give_back() {
    let mut ledger = Ledger::new();
    says(&mut ledger, 1, report(0, 0, 0, 1000), NOW);
    assert!(says(&mut ledger, 2, report(0, 0, 0, 400), NOW).exhausted);
    // The first one settles for less than it reserved, and hears that others need it.
    assert_eq!(says(&mut ledger, 1, report(1000, 0, 100, 0), NOW), Grant { granted: 1000, exhausted: true });
    says(&mut ledger, 1, report(1000, 900, 100, 0), NOW);
    let second = says(&mut ledger, 2, report(0, 0, 0, 400), NOW);
    assert!((400..=410).contains(&second.granted) && !second.exhausted, "{second:?}");
}

#[test]
fn a_new_period_is_a_full_budget_and_late_reports_of_the_last_one_change_nothing() {
    let mut ledger = Ledger::new();
    let day = 86_400;
    let tomorrow = Report { period: day, ..report(0, 0, 0, 1000) };
    says(&mut ledger, 1, report(0, 0, 0, 1000), NOW);
    assert_eq!(says(&mut ledger, 2, tomorrow, day).granted, 1000);
    assert_eq!(
        says(&mut ledger, 1, report(1000, 0, 900, 500), day + 1),
        Grant { granted: 1000, exhausted: true }
    );
    assert_eq!(ledger.spent(&account()), 0);
    // And when the period is over, its account is forgotten; nobody gets anything of it any more.
    ledger.expire(2 * day + SKEW);
    assert_eq!(ledger, Ledger::new());
    let late = Report { period: day, ..report(0, 0, 0, 10) };
    assert_eq!(says(&mut ledger, 1, late, 2 * day + SKEW), Grant { granted: 0, exhausted: true });
}

#[test]
fn a_router_may_be_ahead_of_time_by_seconds_and_not_by_days() {
    let (mut ledger, day) = (Ledger::new(), 86_400);
    let mut granted = |period: i64, now: i64| {
        let report = Report { period, ..report(0, 0, 0, 10) };
        ledger.report(&account(), terms(1000), router(1), report, now).map(|grant| grant.granted)
    };
    assert_eq!(granted(day, NOW), None);
    assert_eq!(granted(1, NOW), None, "no day begins there");
    assert!(granted(day, day - SKEW) > Some(0));
}

#[test]
fn an_operator_that_knows_nothing_learns_what_routers_have() {
    let mut ledger = Ledger::new();
    says(&mut ledger, 1, report(600, 0, 500, 0), NOW);
    assert!(says(&mut ledger, 2, report(0, 0, 0, 1000), NOW).granted <= 400);
    assert_eq!(ledger.spent(&account()), 500);
}

#[test]
fn a_router_whose_stream_broke_is_not_counted_twice() {
    let mut ledger = Ledger::new();
    says(&mut ledger, 1, report(0, 0, 0, 500), NOW);
    says(&mut ledger, 1, report(500, 0, 200, 0), NOW);
    // It is back by another stream before the end of the first one is noticed, and is here.
    let again = Reporter { router: 1, session: 7 };
    ledger.report(&account(), terms(1000), again, report(500, 0, 300, 0), NOW);
    ledger.leave(router(1), NOW);
    ledger.expire(NOW + GRACE);
    assert!(says(&mut ledger, 2, report(0, 0, 0, 1000), NOW).granted <= 500);
    // It is gone for longer, and comes back with what it spent of its lease meanwhile.
    ledger.leave(again, NOW);
    ledger.expire(NOW + GRACE);
    says(&mut ledger, 1, report(500, 0, 450, 0), NOW + GRACE);
    assert_eq!(ledger.spent(&account()), 450);
}

#[test]
fn of_many_routers_that_are_gone_the_sum_stays() {
    let mut ledger = Ledger::new();
    for id in 0..500 {
        let granted = says(&mut ledger, id, report(0, 0, 0, 1), NOW).granted;
        says(&mut ledger, id, report(granted, granted - 1, 1, 0), NOW);
        ledger.leave(router(id), NOW);
    }
    ledger.expire(NOW + GRACE);
    assert_eq!(ledger.spent(&account()), 500);
    assert!(ledger.to_json().len() < 5000, "{}", ledger.to_json());
    let mut after = Ledger::default();
    after.open(&ledger.to_json(), NOW).unwrap();
    assert_eq!(after.spent(&account()), 500);
    assert_eq!(says(&mut after, 500, report(0, 0, 0, 1000), NOW).granted, 500);
}

#[test]
fn what_is_written_down_outlives_the_operator_and_until_it_is_read_nobody_gets_anything() {
    let mut before = Ledger::new();
    says(&mut before, 1, report(0, 0, 0, 400), NOW);
    says(&mut before, 1, report(400, 0, 300, 0), NOW);
    says(&mut before, 2, report(0, 0, 0, 200), NOW);
    says(&mut before, 2, report(200, 0, 200, 0), NOW);
    let mut after = Ledger::default();
    let asked = report(0, 0, 0, 1);
    assert_eq!(after.report(&account(), terms(1000), router(3), asked, NOW), None);
    after.open(&before.to_json(), NOW).unwrap();
    assert_eq!(after.spent(&account()), 500);
    // The first router is still on its way, and keeps its lease; then it does not come.
    let third = says(&mut after, 3, report(0, 0, 0, 1000), NOW);
    assert!(third.granted <= 400, "{third:?}");
    after.expire(NOW + GRACE);
    let third = says(&mut after, 3, report(third.granted, 0, 0, 1000), NOW);
    assert_eq!(third, Grant { granted: 500, exhausted: true });
    assert!(Ledger::default().open("no ledger", NOW).is_err());
    assert!(Ledger::default().open("", NOW).is_ok());
}

#[test]
fn a_budget_that_counts_otherwise_under_the_same_name_begins_anew() {
    let (mut ledger, now) = (Ledger::new(), 10 * 86_400 + NOW);
    let mut says = |per: Period, unit: Unit, needed: u64| {
        let report = Report { period: per.start(now), granted: 0, returned: 0, spent: 0, needed };
        ledger.report(&account(), Terms { limit: 1000, per, unit }, router(1), report, now).unwrap()
    };
    let all = Grant { granted: 1000, exhausted: false };
    assert_eq!(says(Period::Day, Unit::Tokens, 1000), all);
    // The month began before the day that was counted.
    assert_eq!(says(Period::Month, Unit::Tokens, 1000), all);
    assert_eq!(says(Period::Month, Unit::NanoUsd, 1000), all);
    assert_eq!(says(Period::Hour, Unit::NanoUsd, 1000), all);
    assert_eq!(says(Period::Hour, Unit::NanoUsd, 2000), Grant { granted: 1000, exhausted: true });
}

#[test]
fn a_budget_that_counts_otherwise_since_the_operator_was_started_anew_begins_anew() {
    let now = 10 * 86_400 + NOW;
    let ask = |ledger: &mut Ledger, id: RouterId, per: Period, unit: Unit| {
        let report = Report { period: per.start(now), ..report(0, 0, 0, 1000) };
        ledger.report(&account(), Terms { limit: 1000, per, unit }, router(id), report, now).unwrap()
    };
    let restarted = || {
        let mut before = Ledger::new();
        assert_eq!(ask(&mut before, 1, Period::Day, Unit::Tokens).granted, 1000);
        let mut after = Ledger::default();
        after.open(&before.to_json(), now).unwrap();
        after
    };
    assert_eq!(ask(&mut restarted(), 2, Period::Day, Unit::Tokens).granted, 0, "as it was");
    assert_eq!(ask(&mut restarted(), 2, Period::Day, Unit::NanoUsd).granted, 1000);
    assert_eq!(ask(&mut restarted(), 2, Period::Hour, Unit::Tokens).granted, 1000);
    assert_eq!(ask(&mut restarted(), 2, Period::Month, Unit::Tokens).granted, 1000);
    let money = Terms { limit: 1000, per: Period::Day, unit: Unit::NanoUsd };
    assert_eq!(restarted().left("p", "b", money, now), 1000);
}

#[test]
fn of_a_ledger_that_does_not_say_what_it_counts_everything_is_taken_as_it_was() {
    let written =
        r#"[{"account":{"policy":"p","budget":"b"},"period":0,"next":86400,"shares":[[1,700,0,700]]}]"#;
    for unit in [Unit::Tokens, Unit::NanoUsd] {
        let mut ledger = Ledger::default();
        ledger.open(written, NOW).unwrap();
        let terms = Terms { unit, ..terms(1000) };
        assert_eq!(ledger.left("p", "b", terms, NOW), 300, "{unit:?}");
        let grant = ledger.report(&account(), terms, router(2), report(0, 0, 0, 1000), NOW).unwrap();
        assert_eq!(grant.granted, 300, "{unit:?}");
        // From now on it says so.
        let mut after = Ledger::default();
        after.open(&ledger.to_json(), NOW).unwrap();
        let other = if unit == Unit::Tokens { Unit::NanoUsd } else { Unit::Tokens };
        assert_eq!(after.left("p", "b", Terms { unit: other, ..terms }, NOW), 1000, "{unit:?}");
    }
}

#[test]
fn what_is_left_is_what_the_client_has_that_spent_the_most() {
    let mut ledger = Ledger::new();
    for (client, spent) in [("a", 100), ("b", 700)] {
        let account = Account { client: Some(client.to_owned()), ..account() };
        ledger.report(&account, terms(1000), router(1), report(0, 0, spent, 0), NOW);
    }
    let left = |budget: &str, now: i64| ledger.left("p", budget, terms(1000), now);
    assert_eq!((left("b", NOW), left("b", NOW + 86_400), left("c", NOW)), (300, 1000, 1000));
}

#[derive(Debug, Clone)]
enum Step {
    Begin { router: u64, reserve: u64, takes: u64 },
    End { router: u64, which: usize },
    Report(u64),
    GiveBack(u64),
    Kill(u64),
    Wait,
    RestartOperator,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..8, 1_u64..60, 0_u64..60).prop_map(|(router, reserve, takes)| Step::Begin {
            router, reserve, takes: takes.min(reserve)
        }),
        6 => (0_u64..8, any::<usize>()).prop_map(|(router, which)| Step::End { router, which }),
        2 => (0_u64..8).prop_map(Step::Report),
        2 => (0_u64..8).prop_map(Step::GiveBack),
        1 => (0_u64..8).prop_map(Step::Kill),
        1 => Just(Step::Wait),
        1 => Just(Step::RestartOperator),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens in which order: all that was ever spent is within the budget, but for what routers that were
    /// killed had spent without having said so, each of which had one lease.
    #[test]
    fn no_order_of_events_spends_more(limit in 1_u64..2000, steps in prop::collection::vec(step(), 1..300)) {
        let mut ledger = Ledger::new();
        // Each life of a router is a router of its own to the ledger.
        let mut routers: Vec<(RouterId, Router)> = (0..8).map(|id| (id, Router::default())).collect();
        let (mut next, mut of_the_dead, mut unsaid, mut now) = (8, 0, 0, NOW);
        for step in steps {
            match step {
                Step::Begin { router, reserve, takes } => {
                    let (id, router) = &mut routers[usize::try_from(router).unwrap()];
                    router.begin(&mut ledger, *id, limit, reserve, takes);
                }
                Step::End { router, which } => routers[usize::try_from(router).unwrap()].1.end(which),
                Step::Report(router) => {
                    let (id, router) = &mut routers[usize::try_from(router).unwrap()];
                    router.ask(&mut ledger, *id, limit, 0);
                }
                Step::GiveBack(router) => {
                    let (id, router) = &mut routers[usize::try_from(router).unwrap()];
                    router.exhausted = true;
                    router.ask(&mut ledger, *id, limit, 0);
                }
                Step::Kill(dead) => {
                    let (id, dead) = &mut routers[usize::try_from(dead).unwrap()];
                    let book = ledger.books.get(&account());
                    let known = book.and_then(|b| b.shares.get(id)).map_or(0, |s| s.spent);
                    of_the_dead += dead.spent;
                    unsaid += dead.spent - known;
                    ledger.leave(router(*id), now);
                    (*id, *dead) = (next, Router::default());
                    next += 1;
                }
                Step::Wait => {
                    // The living say something within every second.
                    for (id, router) in &mut routers {
                        router.ask(&mut ledger, *id, limit, 0);
                    }
                    now += GRACE;
                    ledger.expire(now);
                }
                Step::RestartOperator => {
                    let written = ledger.to_json();
                    ledger = Ledger::default();
                    ledger.open(&written, now).unwrap();
                }
            }
            let living: u64 = routers.iter().map(|(_, router)| router.spent).sum();
            prop_assert!(living + of_the_dead <= limit + unsaid, "{living} and {of_the_dead} of {limit}");
            let held = ledger.books.get(&account()).map_or(0, Book::held);
            prop_assert!(held <= limit, "{held} of {limit} are promised");
        }
    }
}
