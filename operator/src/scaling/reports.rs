//! What routers reported, and the rates that follow from it.

use crate::decide::scale::{Demand, Tokens};
use crate::routing_policy::ObjectKey;
use flotilla_crds::router_config::BackendDemand;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;

/// A router that was silent for so long is not counted: it reports every second.
const AGED_OUT: SignedDuration = SignedDuration::from_secs(10);
/// What a router was asked for counts for so long after its report. Others have its clients by then, if it is gone.
const FRESH: SignedDuration = SignedDuration::from_secs(3);
/// The same of a router whose stream has ended: its last second counts once.
const LAST: SignedDuration = SignedDuration::from_secs(1);
/// What counts once is not told as if it came in less.
const BRIEFEST: SignedDuration = SignedDuration::from_millis(1);
/// Two reports closer than this say nothing of a rate.
const SHORTEST: SignedDuration = SignedDuration::from_millis(500);

/// The last reports of every router. A router is known by its pod, so that a stream that is opened again goes on with
/// the same counts.
#[derive(Debug, Default)]
pub struct Reports(Mutex<HashMap<String, Router>>);

#[derive(Debug)]
struct Router {
    at: Timestamp,
    series: Vec<Series>,
    /// Whether its stream has ended since.
    ended: bool,
    /// Nothing is asked of any of its backends, nor was since the report before.
    quiet: bool,
}

/// One backend of one policy in one router.
#[derive(Debug)]
struct Series {
    last: BackendDemand,
    /// Where the rates were taken from last.
    base: BackendDemand,
    since: Timestamp,
    /// Tokens per second.
    offered: Tokens,
    /// Tokens that were offered while the report was late; they count in the next pass.
    late: Tokens,
    /// Tokens that were served and count in the next pass.
    served: Tokens,
}

/// What is asked of one model, summed over routers and policies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reported {
    /// For the decision; without what waits in engines.
    pub demand: Demand,
    /// Tokens per second that were served since the pass before.
    pub served: Tokens,
    /// Tokens of the requests in flight.
    pub in_flight: Tokens,
}

impl Reports {
    /// Takes the report of the router in a pod (`namespace/name`).
    pub fn take(&self, pod: &str, backends: Vec<BackendDemand>, now: Timestamp) {
        let mut routers = self.0.lock();
        let before = routers.remove(pod);
        let counted = before.as_ref().map_or(FRESH, Router::counts_for);
        let before = before.map(|router| router.series).unwrap_or_default();
        let series = backends.into_iter().enumerate().map(|(place, demand)| {
            let of = |s: &&Series| s.last.policy == demand.policy && s.last.backend == demand.backend;
            // A router names its backends in the same order each time, until its config is another one.
            let before = before.get(place).filter(of).or_else(|| before.iter().find(of));
            Series::after(before, demand, counted, now)
        });
        let series: Vec<Series> = series.collect();
        let quiet = series.iter().all(Series::is_quiet);
        routers.insert(pod.to_owned(), Router { at: now, series, ended: false, quiet });
    }

    /// The stream of the router in a pod has ended. Its counts stay for a while, as it may open another one.
    pub fn end(&self, pod: &str) {
        if let Some(router) = self.0.lock().get_mut(pod) {
            router.ended = true;
        }
    }

    /// Forgets every report.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// Whether nothing is asked of any model, by the last report of every router.
    pub(super) fn quiet(&self) -> bool {
        self.0.lock().values().all(|router| router.quiet)
    }

    /// The sum for each model, so long after the last call, which every token that was served is in once; `target` says
    /// which one a policy's backend is. A model that is not in it has no router that speaks of it.
    pub fn sums<'a>(
        &self,
        now: Timestamp,
        passed: SignedDuration,
        target: impl Fn(&str, &str) -> Option<&'a ObjectKey>,
    ) -> HashMap<&'a ObjectKey, Reported> {
        let mut routers = self.0.lock();
        routers.retain(|_, router| now.duration_since(router.at) < AGED_OUT);
        let mut sums: HashMap<&ObjectKey, Reported> = HashMap::new();
        let per_second = 1.0 / passed.max(BRIEFEST).as_secs_f64();
        for router in routers.values_mut() {
            let fresh = now.duration_since(router.at) < router.counts_for();
            for series in &mut router.series {
                let one = series.reported(router.at, fresh, per_second);
                if let Some(key) = target(&series.last.policy, &series.last.backend) {
                    sums.entry(key).and_modify(|sum| *sum = sum.plus(&one)).or_insert(one);
                }
            }
        }
        sums
    }
}

impl Router {
    /// How long what it was asked for counts.
    const fn counts_for(&self) -> SignedDuration {
        if self.ended { LAST } else { FRESH }
    }
}

impl Series {
    /// After another report. What was asked for before counted for as long as `counted`.
    fn after(before: Option<&Self>, last: BackendDemand, counted: SignedDuration, now: Timestamp) -> Self {
        let Some(before) = before else {
            // What came before the first report has no time that it came in.
            let zero = Tokens::default();
            return Self { base: last.clone(), last, since: now, offered: zero, late: zero, served: zero };
        };
        let served = before.served
            + Tokens::new(
                grown(before.last.served_prompt_tokens, last.served_prompt_tokens),
                grown(before.last.served_completion_tokens, last.served_completion_tokens),
            );
        let passed = now.duration_since(before.since);
        if passed < SHORTEST {
            let Self { base, since, offered, late, .. } = before;
            return Self { last, base: base.clone(), since: *since, offered: *offered, late: *late, served };
        }
        let base = &before.base;
        let offered = Tokens::new(
            grown(base.offered_prompt_tokens, last.offered_prompt_tokens),
            grown(base.offered_completion_tokens, last.offered_completion_tokens),
        );
        let seconds = passed.as_secs_f64();
        let uncounted = (seconds - counted.as_secs_f64()).max(0.0) / seconds;
        Self {
            base: last.clone(),
            last,
            since: now,
            offered: offered * (1.0 / seconds),
            late: before.late + offered * uncounted,
            served,
        }
    }

    fn is_quiet(&self) -> bool {
        let last = &self.last;
        let waiting = [last.waiting_prompt_tokens, last.waiting_completion_tokens];
        let counted = [self.offered, self.late, self.served];
        last.in_flight == 0 && waiting == [0, 0] && counted.into_iter().all(Tokens::is_zero)
    }

    /// For a pass; what counts once is told, and gone.
    fn reported(&mut self, at: Timestamp, fresh: bool, per_second: f64) -> Reported {
        let offered = if fresh { self.offered } else { Tokens::default() };
        let late = std::mem::take(&mut self.late) * per_second;
        let served = std::mem::take(&mut self.served) * per_second;
        let last = &self.last;
        Reported {
            demand: Demand {
                at,
                offered: offered + late,
                waiting: tokens(last.waiting_prompt_tokens, last.waiting_completion_tokens),
                in_flight: last.in_flight,
            },
            served,
            in_flight: tokens(last.in_flight_prompt_tokens, last.in_flight_completion_tokens),
        }
    }
}

impl Reported {
    /// What a router says of a model of which nothing is asked.
    pub(super) fn silence(at: Timestamp) -> Self {
        let (none, zero) = (Tokens::default(), 0);
        let demand = Demand { at, offered: none, waiting: none, in_flight: zero };
        Self { demand, served: none, in_flight: none }
    }

    /// Both together; as old as the older one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            demand: self.demand.plus(&other.demand),
            served: self.served + other.served,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}

/// A count that is lower than before began anew.
fn grown(before: u64, after: u64) -> f64 {
    after.checked_sub(before).unwrap_or(after) as f64
}

fn tokens(prompt: u64, completion: u64) -> Tokens {
    Tokens::new(prompt as f64, completion as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_767_571_200_000 + millis).unwrap()
    }

    fn report(offered: u64, in_flight: u32) -> Vec<BackendDemand> {
        vec![BackendDemand {
            policy: "apps/split".to_owned(),
            backend: "fleet".to_owned(),
            offered_prompt_tokens: offered,
            in_flight,
            ..BackendDemand::default()
        }]
    }

    fn sum(reports: &Reports, now: Timestamp) -> Option<Demand> {
        let key = ObjectKey { namespace: "apps".to_owned(), name: "llama".to_owned() };
        let known = |policy: &str, backend: &str| (policy, backend) == ("apps/split", "fleet");
        let second = SignedDuration::from_secs(1);
        let sums = reports.sums(now, second, |policy, backend| known(policy, backend).then_some(&key));
        sums.get(&key).map(|reported| reported.demand)
    }

    #[test]
    fn rates_are_of_the_time_between_two_reports_and_routers_add_up() {
        let reports = Reports::default();
        reports.take("apps/a", report(1_000_000, 1), at(0));
        assert!(sum(&reports, at(0)).unwrap().offered.is_zero(), "it may have taken a week");
        reports.take("apps/a", report(1_000_300, 1), at(1500));
        reports.take("apps/b", report(0, 2), at(0));
        reports.take("apps/b", report(50, 2), at(500));
        let both = sum(&reports, at(1500)).unwrap();
        assert!((both.offered.prompt - 300.0).abs() < 1e-9, "{both:?}");
        assert_eq!((both.in_flight, both.at), (3, at(500)));
    }

    #[test]
    fn a_router_is_quiet_once_nothing_came_since_its_last_report() {
        let reports = Reports::default();
        assert!(reports.quiet());
        for (second, offered, in_flight, quiet) in
            [(0, 700, 0, true), (1, 700, 1, false), (2, 700, 0, true), (3, 701, 0, false), (4, 701, 0, true)]
        {
            reports.take("apps/a", report(offered, in_flight), at(second * 1000));
            reports.take("apps/b", report(5, 0), at(second * 1000));
            assert_eq!(reports.quiet(), quiet, "second {second}");
        }
        let waiting = BackendDemand { waiting_prompt_tokens: 1, ..report(701, 0).remove(0) };
        reports.take("apps/a", vec![waiting], at(5000));
        assert!(!reports.quiet());
    }

    #[test]
    fn reports_that_come_at_once_leave_the_rate_as_it_is() {
        let reports = Reports::default();
        for (count, millis) in [(0, 0), (100, 1000), (110, 1001), (200, 2000)] {
            reports.take("apps/a", report(count, 0), at(millis));
            let rate = sum(&reports, at(millis)).unwrap().offered.prompt;
            assert!((rate - if millis == 0 { 0.0 } else { 100.0 }).abs() < 1e-9, "{millis}: {rate}");
        }
    }

    #[test]
    fn backends_that_changed_places_keep_their_counts() {
        let named = |backend: &str, offered| BackendDemand {
            backend: backend.to_owned(),
            ..report(offered, 0).remove(0)
        };
        let reports = Reports::default();
        reports.take("apps/a", vec![named("other", 9_000), named("fleet", 100)], at(0));
        reports.take("apps/a", vec![named("fleet", 160), named("new", 5), named("other", 9_000)], at(1000));
        assert!((sum(&reports, at(1000)).unwrap().offered.prompt - 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_router_that_began_anew_counts_from_nothing() {
        let reports = Reports::default();
        reports.take("apps/a", report(5000, 0), at(0));
        reports.take("apps/a", report(70, 0), at(1000));
        assert!((sum(&reports, at(1000)).unwrap().offered.prompt - 70.0).abs() < 1e-9);
    }

    #[test]
    fn what_a_router_that_is_gone_was_asked_for_does_not_count_for_long() {
        for (ended, counts) in [(true, 1), (false, 3)] {
            let reports = Reports::default();
            reports.take("apps/a", report(0, 7), at(0));
            reports.take("apps/a", report(100, 7), at(1000));
            if ended {
                reports.end("apps/a");
            }
            let offered = |second: i64| sum(&reports, at((1 + second) * 1000)).map(|sum| sum.offered.prompt);
            let told: Vec<_> = (0..=10).map(offered).collect();
            let expected = |second| Some(if second < counts { 100.0 } else { 0.0 });
            assert_eq!(told[..10], (0..10).map(expected).collect::<Vec<_>>(), "ended: {ended}");
            assert_eq!(told[10], None);
        }
    }

    #[test]
    fn what_was_asked_for_while_a_report_was_late_counts_when_it_comes() {
        for ended in [false, true] {
            let reports = Reports::default();
            let mut told = 0.0;
            for second in 0..30 {
                if !(11..18).contains(&second) {
                    reports.take(
                        "apps/a",
                        report(second * 100, 1),
                        at(i64::try_from(second).unwrap() * 1000),
                    );
                } else if ended {
                    reports.end("apps/a");
                }
                told += sum(&reports, at(i64::try_from(second).unwrap() * 1000)).unwrap().offered.prompt;
            }
            assert!((told - 2900.0).abs() < 1e-6, "{told}");
        }
    }

    #[test]
    fn a_silent_router_ages_out_and_then_nothing_is_known() {
        let reports = Reports::default();
        reports.take("apps/a", report(0, 7), at(0));
        assert_eq!(sum(&reports, at(9_999)).unwrap().in_flight, 7);
        assert_eq!(sum(&reports, at(10_000)), None);
    }
}
