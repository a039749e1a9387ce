//! What engines say beside what routers say: clients may call a model's Service without a router.

use super::{Demand, Tokens};
use jiff::{SignedDuration, Timestamp};

/// Over how long both are compared: they count the same request at different moments.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// Of what engines serve, the part by which both may differ: llama.cpp does not count what it had cached, and routers
/// not what was cut off.
const DIFFERS: f64 = 0.1;

/// What the engines of a model say, all replicas together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Engines {
    /// Tokens per second that they worked on.
    pub served: Tokens,
    /// Requests that wait in them.
    pub waiting: f64,
    /// Requests that they answer.
    pub running: f64,
}

impl Engines {
    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            served: self.served + other.served,
            waiting: self.waiting + other.waiting,
            running: self.running + other.running,
        }
    }
}

/// What is asked of a model, and what it served in tokens per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// For the decision.
    pub demand: Demand,
    /// Tokens per second that were served.
    pub served: Tokens,
}

impl Asked {
    /// Both together; as old as the older one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self { demand: self.demand.plus(&other.demand), served: self.served + other.served }
    }
}

/// Compares what engines served with what came by routers.
#[derive(Debug, Clone, Default)]
pub struct Direct {
    means: Option<Means>,
}

/// Means over about a minute.
#[derive(Debug, Clone, Copy)]
struct Means {
    since: Timestamp,
    at: Timestamp,
    engines: Tokens,
    offered: Tokens,
    served: Tokens,
    /// Requests that engines have.
    requests: f64,
    /// Of these, those that routers know of.
    in_flight: f64,
}

impl Direct {
    /// Both together; `usual` is what one request has.
    ///
    /// - Only routers report: what they say.
    /// - Only engines do: what they serve is taken for what is offered, and what waits in them waits. Nothing wakes a
    ///   model without a replica then.
    /// - Both do: what engines served beyond all that routers offered or served, on average over the last minute, came
    ///   without a router and is added, unless both are at rest. It is no more than the part of the requests in engines
    ///   that routers do not know of: of a long answer engines count each token as it comes, and routers all of them
    ///   when it begins or ends. Of what waits, the larger counts.
    pub fn combine(
        &mut self,
        routers: Option<Asked>,
        engines: Option<Engines>,
        usual: Tokens,
        now: Timestamp,
    ) -> Option<Asked> {
        let (Some(routers), Some(engines)) = (routers, engines) else {
            self.means = None;
            return routers.or_else(|| engines.map(|engines| alone(engines, usual, now)));
        };
        let beyond = self.compare(&routers, &engines, now);
        // A mean only comes near to nothing, and what rests is not asked for the rest of it.
        let rest = routers.demand.is_idle() && engines == Engines::default();
        let direct = if rest { Tokens::default() } else { beyond };
        let in_engines = usual * engines.waiting;
        let demand = Demand {
            offered: routers.demand.offered + direct,
            waiting: larger(routers.demand.waiting, in_engines),
            in_flight: routers.demand.in_flight.max(requests(engines)),
            ..routers.demand
        };
        Some(Asked { demand, served: routers.served + direct })
    }

    /// Tokens per second that came without a router; none before a whole minute was seen.
    fn compare(&mut self, routers: &Asked, engines: &Engines, now: Timestamp) -> Tokens {
        let Asked { demand, served } = *routers;
        let (requests, in_flight) = (engines.running + engines.waiting, f64::from(demand.in_flight));
        let (engines, offered) = (engines.served, demand.offered);
        let begun = Means { since: now, at: now, engines, offered, served, requests, in_flight };
        let means = self.means.get_or_insert(begun);
        let weight = (now.duration_since(means.at).as_secs_f64() / MINUTE.as_secs_f64()).clamp(0.0, 1.0);
        let moved = |mean: Tokens, value: Tokens| mean * (1.0 - weight) + value * weight;
        means.engines = moved(means.engines, engines);
        means.offered = moved(means.offered, offered);
        means.served = moved(means.served, served);
        means.requests = means.requests * (1.0 - weight) + requests * weight;
        means.in_flight = means.in_flight * (1.0 - weight) + in_flight * weight;
        means.at = now;
        if now.duration_since(means.since) < MINUTE { Tokens::default() } else { means.direct() }
    }
}

impl Means {
    /// What engines served beyond what is known of by routers, where their requests are more, too.
    fn direct(&self) -> Tokens {
        let unknown = self.unknown();
        let known = larger(self.offered, self.served);
        let direct = |engines: f64, known: f64| {
            let beyond = (engines - known).min(engines * unknown);
            if beyond > DIFFERS * engines { beyond } else { 0.0 }
        };
        Tokens::new(
            direct(self.engines.prompt, known.prompt),
            direct(self.engines.completion, known.completion),
        )
    }

    /// The part of the requests in engines that routers do not know of. Where routers have none, all that is served is
    /// of others, though it may be too short to be seen.
    fn unknown(&self) -> f64 {
        if self.in_flight <= 0.0 {
            return 1.0;
        }
        1.0 - self.in_flight / self.requests.max(self.in_flight)
    }
}

fn alone(engines: Engines, usual: Tokens, now: Timestamp) -> Asked {
    let demand = Demand {
        at: now,
        offered: engines.served,
        waiting: usual * engines.waiting,
        in_flight: requests(engines),
    };
    Asked { demand, served: engines.served }
}

fn larger(one: Tokens, other: Tokens) -> Tokens {
    Tokens::new(one.prompt.max(other.prompt), one.completion.max(other.completion))
}

/// Casts of floats saturate.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn requests(engines: Engines) -> u32 {
    (engines.running + engines.waiting) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Tokens = Tokens::new(500.0, 100.0);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn routers(second: i64, offered: f64, served: f64) -> Asked {
        let demand = Demand {
            at: at(second),
            offered: Tokens::new(offered, 0.0),
            waiting: Tokens::new(800.0, 0.0),
            in_flight: 2,
        };
        Asked { demand, served: Tokens::new(served, 0.0) }
    }

    fn engines(served: f64) -> Engines {
        Engines { served: Tokens::new(served, 0.0), waiting: 1.0, running: 4.0 }
    }

    #[test]
    fn one_of_both_is_taken_as_it_is_and_none_is_none() {
        let mut direct = Direct::default();
        assert_eq!(direct.combine(None, None, USUAL, at(0)), None);
        let asked = routers(0, 100.0, 90.0);
        assert_eq!(direct.combine(Some(asked), None, USUAL, at(0)), Some(asked));
        let alone = direct.combine(None, Some(engines(70.0)), USUAL, at(7)).unwrap();
        let demand = Demand { at: at(7), offered: Tokens::new(70.0, 0.0), waiting: USUAL, in_flight: 5 };
        assert_eq!(alone, Asked { demand, served: Tokens::new(70.0, 0.0) });
    }

    #[test]
    fn of_both_the_larger_queue_counts() {
        let both =
            Direct::default().combine(Some(routers(0, 100.0, 90.0)), Some(engines(90.0)), USUAL, at(0));
        let demand = both.unwrap().demand;
        assert_eq!((demand.waiting, demand.in_flight), (Tokens::new(800.0, 100.0), 5));
    }

    /// What is offered after so many seconds of the same; engines have five requests.
    fn after(seconds: i64, (offered, served): (f64, f64), in_flight: u32, by_engines: f64) -> f64 {
        let mut direct = Direct::default();
        let all = (0..=seconds).map(|second| {
            let mut asked = routers(second, offered, served);
            asked.demand.in_flight = in_flight;
            direct.combine(Some(asked), Some(engines(by_engines)), USUAL, at(second)).unwrap()
        });
        all.last().unwrap().demand.offered.prompt
    }

    #[test]
    fn what_engines_served_beyond_what_came_by_routers_is_added() {
        for (seconds, said, in_flight, by_engines, expected) in [
            (59, (100.0, 100.0), 0, 300.0, 100.0),
            (60, (100.0, 100.0), 0, 300.0, 300.0),
            (90, (0.0, 0.0), 0, 300.0, 300.0),
            // Within what both may differ by.
            (90, (100.0, 100.0), 0, 110.0, 100.0),
            // A queue is worked off, or builds up: either side has it.
            (90, (100.0, 300.0), 0, 300.0, 100.0),
            (90, (300.0, 100.0), 0, 300.0, 300.0),
            (90, (300.0, 300.0), 0, 0.0, 300.0),
            // Long answers: routers know of all requests, of some, of hardly any.
            (90, (0.0, 0.0), 5, 300.0, 0.0),
            (90, (0.0, 0.0), 9, 300.0, 0.0),
            (90, (0.0, 0.0), 2, 300.0, 180.0),
            (90, (100.0, 100.0), 1, 300.0, 300.0),
        ] {
            let found = after(seconds, said, in_flight, by_engines);
            assert!(
                (found - expected).abs() < 1e-6,
                "{seconds} s, {said:?}, {in_flight}, {by_engines}: {found}"
            );
        }
    }

    /// An answer of 9,000 tokens in five minutes, which the engine counts as it writes them.
    #[test]
    fn a_long_answer_counts_once() {
        let mut direct = Direct::default();
        let mut counted = 0.0;
        for second in 0..600 {
            let asked = Demand {
                at: at(second),
                offered: Tokens::new(0.0, if second == 10 { 9000.0 } else { 0.0 }),
                waiting: Tokens::default(),
                in_flight: u32::from((10..310).contains(&second)),
            };
            let served = Tokens::new(0.0, if second == 310 { 9000.0 } else { 0.0 });
            // The last scrape, five seconds apart.
            let works = (10..310).contains(&(second / 5 * 5));
            let (served_by, running) = if works { (30.0, 1.0) } else { (0.0, 0.0) };
            let engines = Engines { served: Tokens::new(0.0, served_by), waiting: 0.0, running };
            let routers = Asked { demand: asked, served };
            counted +=
                direct.combine(Some(routers), Some(engines), USUAL, at(second)).unwrap().served.completion;
        }
        assert!((9000.0..9100.0).contains(&counted), "{counted}");
    }

    #[test]
    fn when_both_are_at_rest_nothing_is_asked() {
        let mut direct = Direct::default();
        for second in 0..=90 {
            direct.combine(Some(routers(second, 100.0, 100.0)), Some(engines(130.0)), USUAL, at(second));
        }
        let quiet =
            Demand { at: at(91), offered: Tokens::default(), waiting: Tokens::default(), in_flight: 0 };
        let routers = Asked { demand: quiet, served: Tokens::default() };
        let rest = direct.combine(Some(routers), Some(Engines::default()), USUAL, at(91)).unwrap();
        assert!(rest.demand.is_idle(), "{rest:?}");
        let busy = direct.combine(Some(routers), Some(engines(130.0)), USUAL, at(92)).unwrap();
        assert!(busy.demand.offered.prompt > 20.0, "the mean goes on: {busy:?}");
    }

    #[test]
    fn a_gap_in_either_begins_the_comparison_anew() {
        let mut direct = Direct::default();
        for second in 0..=60 {
            direct.combine(Some(routers(second, 100.0, 100.0)), Some(engines(300.0)), USUAL, at(second));
        }
        direct.combine(Some(routers(61, 100.0, 100.0)), None, USUAL, at(61));
        let next = direct.combine(Some(routers(62, 100.0, 100.0)), Some(engines(300.0)), USUAL, at(62));
        assert!((next.unwrap().demand.offered.prompt - 100.0).abs() < 1e-9);
    }
}
