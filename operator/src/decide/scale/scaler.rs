//! The decision.

use super::band::{Band, Offered, Queue};
use super::load::Load;
use super::peak::Peak;
use super::trend::Trend;
use super::variant::{Fleet, whole};
use super::{Decision, Demand, Figures, Policy, Reason, Tokens, Variant};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Ordering;

/// Less than any replica and more than none: whoever is not to be at zero needs this much.
const ANY: f64 = 1e-6;

/// By how long the mean of the last minute is late.
const LAG: SignedDuration = SignedDuration::from_secs(30);

/// What there is to decide about.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What the user wants.
    pub policy: &'a Policy,
    /// The deployments that serve the model, at least one.
    pub variants: &'a [Variant],
    /// What clients ask for; `None` where neither routers nor engines report.
    pub demand: Option<Demand>,
}

/// What one model's decisions remember. It can be lost: nothing is taken away before one whole window was seen.
#[derive(Debug, Clone)]
pub struct Scaler {
    load: Load,
    trend: Trend,
    peak: Peak,
    /// What was asked for last; as much of both kinds until anything was.
    mix: Tokens,
    /// Since when reports come without a gap.
    since: Option<Timestamp>,
    idle_since: Option<Timestamp>,
    grew_at: Option<Timestamp>,
    shrank_at: Option<Timestamp>,
}

impl Scaler {
    /// Nothing seen yet.
    pub fn new(policy: &Policy) -> Self {
        Self {
            load: Load::default(),
            trend: Trend::default(),
            peak: Peak::new(policy.window),
            mix: Tokens::new(1.0, 1.0),
            since: None,
            idle_since: None,
            grew_at: None,
            shrank_at: None,
        }
    }

    /// What was needed within the window is measured otherwise from now on, so that nothing goes before another one was
    /// seen.
    pub fn see_a_window_anew(&mut self, policy: &Policy) {
        self.peak = Peak::new(policy.window);
        self.since = None;
    }

    /// Decides, once a second or less often.
    pub fn decide(&mut self, situation: &Situation<'_>, now: Timestamp) -> Decision {
        let demand =
            situation.demand.filter(|demand| now.duration_since(demand.at) <= situation.policy.stale_after);
        let mut decision = match demand {
            Some(demand) => self.by_demand(situation, &demand, now),
            None => self.hold(situation, now),
        };
        if let Some(bound) = by_bounds(situation.variants, &decision.replicas) {
            decision.reason = bound;
        }
        self.remember(&decision, now);
        decision
    }

    /// Without reports nothing goes, and nothing comes but what the spec itself asks for.
    fn hold(&mut self, situation: &Situation<'_>, now: Timestamp) -> Decision {
        self.load.clear();
        self.trend.clear();
        self.peak.clear();
        self.since = None;
        self.idle_since = None;
        let fleet = Fleet::new(situation.variants, |capacity| capacity.work(self.mix));
        let mut replicas = fleet.current();
        let there: u32 = replicas.iter().sum();
        fleet.grow(&mut replicas, scheduled(situation.policy, now), Variant::most);
        let wished = replicas.iter().sum();
        let reason = if wished > there { Reason::Scheduled } else { Reason::MetricsUnavailable };
        Decision { before: before(situation.variants), replicas, wished, reason, figures: None, lacking: 0 }
    }

    fn by_demand(&mut self, situation: &Situation<'_>, demand: &Demand, now: Timestamp) -> Decision {
        let Situation { policy, variants, .. } = *situation;
        self.observe(demand, now);
        let mean = self.load.mean();
        let mix = mean + demand.waiting;
        self.mix = if mix.is_zero() { self.mix } else { mix };
        let mix = self.mix;
        let fleet = Fleet::new(variants, |capacity| capacity.work(mix));
        let mut replicas = fleet.current();
        let supply = fleet.units(&replicas);
        let last = replicas.iter().sum::<u32>() <= 1;
        if last && self.idles(policy, now) && !mean.is_zero() {
            // What was asked before it began to idle asks for nothing any more.
            self.load.fade();
            self.trend.clear();
        }
        let reference = variants.first().map(|first| first.capacity);
        let work = |tokens| reference.map_or(0.0, |capacity| capacity.work(tokens));
        let tokens = match reference {
            Some(capacity) if supply > 0.0 => self.load.offered(capacity),
            _ => self.load.offered_at_once(),
        };
        let ahead = policy.start_time + LAG;
        let offered = reference.map_or_else(Offered::default, |capacity| Offered {
            busy: capacity.work(tokens),
            rise: self.trend.rise(capacity, ahead),
            spread: self.load.spread(capacity),
        });
        let ready: Vec<u32> = variants.iter().map(|variant| variant.supply.ready).collect();
        let queue = Queue {
            waiting: work(demand.waiting),
            ready: fleet.units(&ready),
            more_in: more_in(policy, variants),
        };
        let asked = Band::of(offered, queue, policy);
        let least = if self.may_be_zero(policy, supply, now) { 0.0 } else { ANY };
        let floor = scheduled(policy, now).max(least);
        let band = asked.raised_to(floor);
        let peak = self.peak.add(now, band.at_most);

        // Only for the last one idling is enough; the others go by the window.
        let at_most = if floor <= 0.0 && last { 0.0 } else { peak };
        let figures = Figures {
            offered: tokens,
            is_mean: self.load.is_mean(),
            busy: offered.busy,
            waiting: demand.waiting,
            at_least: asked.at_least,
            at_most,
            supply,
        };
        let mut wish = replicas.clone();
        fleet.grow(&mut wish, band.at_least, |_, _| u32::MAX);
        let wished = wish.iter().fold(0, |sum: u32, count| sum.saturating_add(*count));

        let supply = supply - fleet.lost(&replicas);
        let reason = if supply + ANY / 2.0 < band.at_least {
            fleet.grow(&mut replicas, band.at_least, Variant::most);
            self.grown(situation, &replicas, asked, band, &fleet, supply)
        } else {
            let unscheduled = asked.raised_to(least);
            self.maybe_shrink(situation, &mut replicas, &fleet, at_most, (band, unscheduled), now)
        };
        Decision { before: before(variants), replicas, wished, reason, figures: Some(figures), lacking: 0 }
    }

    fn observe(&mut self, demand: &Demand, now: Timestamp) {
        self.load.add(now, demand.offered);
        self.trend.add(now, demand.offered);
        self.since.get_or_insert(now);
        if demand.is_idle() {
            self.idle_since.get_or_insert(now);
        } else {
            self.idle_since = None;
        }
    }

    /// Nothing was asked for long enough; or there is nothing and nothing is asked, so that a restart of the operator
    /// wakes no model.
    fn may_be_zero(&self, policy: &Policy, supply: f64, now: Timestamp) -> bool {
        if supply <= 0.0 && self.idle_since.is_some() {
            return policy.scale_to_zero_after.is_some();
        }
        self.idles(policy, now)
    }

    /// Nothing was asked for as long as the last replica is kept.
    fn idles(&self, policy: &Policy, now: Timestamp) -> bool {
        let idle_for = self.idle_since.map(|since| now.duration_since(since));
        policy.scale_to_zero_after.is_some_and(|after| idle_for.is_some_and(|idle_for| idle_for >= after))
    }

    fn grown(
        &self,
        situation: &Situation<'_>,
        replicas: &[u32],
        asked: Band,
        band: Band,
        fleet: &Fleet<'_>,
        supply: f64,
    ) -> Reason {
        if fleet.units(replicas) - fleet.lost(replicas) + ANY / 2.0 < band.at_least {
            let bounded = situation
                .variants
                .iter()
                .zip(replicas)
                .all(|(variant, count)| *count >= variant.max_replicas);
            return if bounded { Reason::AtMaximum } else { Reason::NoFreeGPU };
        }
        if supply <= 0.0 && self.idle_since.is_none() {
            return Reason::Waking;
        }
        if supply + ANY / 2.0 < asked.at_least {
            Reason::DemandRose
        } else if band.at_least > ANY {
            Reason::Scheduled
        } else {
            // Only that there must be any.
            Reason::AtMinimum
        }
    }

    fn maybe_shrink(
        &self,
        situation: &Situation<'_>,
        replicas: &mut [u32],
        fleet: &Fleet<'_>,
        at_most: f64,
        (band, unscheduled): (Band, Band),
        now: Timestamp,
    ) -> Reason {
        let policy = situation.policy;
        let mut fewer = replicas.to_vec();
        if fleet.shrink(&mut fewer, band.at_most).is_none() {
            return steady(situation.variants, replicas, fleet, unscheduled);
        }
        let longer_ago = |then: Option<Timestamp>, least: SignedDuration| {
            then.is_none_or(|then| now.duration_since(then) >= least)
        };
        let draining = situation.variants.iter().any(|variant| variant.supply.draining > 0);
        if draining || !longer_ago(self.shrank_at, policy.cool_down) {
            return Reason::Draining;
        }
        // A whole window must have been seen, since anything grew unless the last one idles.
        let idle = at_most <= 0.0;
        let seen = self.since.is_some_and(|since| now.duration_since(since) >= policy.window);
        let calm = idle || longer_ago(self.grew_at, policy.window);
        if !seen || !calm {
            return Reason::Stabilizing;
        }
        match fleet.shrink(replicas, at_most) {
            Some(_) if idle => Reason::Idle,
            Some(_) => Reason::DemandFell,
            None => Reason::Stabilizing,
        }
    }

    fn remember(&mut self, decision: &Decision, now: Timestamp) {
        match decision.total().cmp(&decision.total_before()) {
            Ordering::Greater => self.grew_at = Some(now),
            Ordering::Less => self.shrank_at = Some(now),
            Ordering::Equal => {}
        }
    }
}

/// Replicas of each variant that there are or will be.
fn before(variants: &[Variant]) -> Vec<u32> {
    variants.iter().map(|variant| variant.supply.replicas()).collect()
}

/// Which bound it was, where those of the spec alone changed the number.
fn by_bounds(variants: &[Variant], replicas: &[u32]) -> Option<Reason> {
    let within = |v: &Variant| v.supply.replicas().min(v.max_replicas).max(v.min_replicas);
    if variants.iter().zip(replicas).any(|(variant, count)| within(variant) != *count) {
        return None;
    }
    let before = variants.iter().fold(0_u32, |sum, v| sum.saturating_add(v.supply.replicas()));
    let after = replicas.iter().fold(0_u32, |sum, count| sum.saturating_add(*count));
    match after.cmp(&before) {
        Ordering::Less => Some(Reason::AtMaximum),
        Ordering::Greater => Some(Reason::AtMinimum),
        Ordering::Equal => None,
    }
}

/// Why nothing changes where nothing has to; `unscheduled` is what there would have to be without schedules.
fn steady(variants: &[Variant], replicas: &[u32], fleet: &Fleet<'_>, unscheduled: Band) -> Reason {
    let least = variants.iter().zip(replicas).all(|(variant, count)| *count <= variant.min_replicas);
    let before: u32 = variants.iter().map(|variant| variant.supply.replicas()).sum();
    let after: u32 = replicas.iter().sum();
    if after < before {
        Reason::AtMaximum
    } else if least && whole(unscheduled.at_least) < after {
        Reason::AtMinimum
    } else if fleet.shrink(&mut replicas.to_vec(), unscheduled.at_most).is_some() {
        Reason::Scheduled
    } else {
        Reason::WithinTarget
    }
}

/// The most that a schedule asks for, in replicas of the first variant.
fn scheduled(policy: &Policy, now: Timestamp) -> f64 {
    let in_force = policy.schedules.iter().filter(|schedule| schedule.holds(now, policy.start_time));
    f64::from(in_force.map(|schedule| schedule.min_replicas).max().unwrap_or(0))
}

/// How long until more replicas serve than do now.
fn more_in(policy: &Policy, variants: &[Variant]) -> SignedDuration {
    let coming = variants.iter().filter_map(|variant| variant.supply.arrives_in);
    coming.min().unwrap_or(policy.start_time).min(policy.start_time).max(SignedDuration::ZERO)
}
