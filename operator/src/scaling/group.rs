//! The `ModelDeployment`s of one served name, and one decision for them.

use super::board::{Board, Brief, mode, present};
use super::gauges::Row;
use super::member::Member;
use super::part::{Around, Given, Looked, Part, look, serving, take_part, there_for};
use super::{InvalidScaling, policy, status};
use crate::decide::scale::{
    Asked, Book, Capacity, Decision, Engines, Policy, Reason, Scaler, Situation, Supply, Tokens, Variant,
};
use crate::decide::spill::{Load, Spilling};
use crate::routing_policy::ObjectKey;
use flotilla_crds::model_deployment::{ScalingMode, ScalingSpec, ScalingStatus};
use jiff::Timestamp;
use std::borrow::Cow;

/// What a model's decisions remember.
#[derive(Default)]
pub(super) struct Group {
    rules: Option<Rules>,
    members: Vec<Member>,
    /// In whose replicas the window is measured.
    first: Option<ObjectKey>,
    /// What the gauges show.
    pub(super) shown: Option<Row>,
}

/// The policy of the first member, and what follows it.
struct Rules {
    /// That of the last spec that could be read, if there was one.
    followed: Option<(ScalingSpec, Policy, Scaler)>,
    /// The present spec, and what is wrong with it.
    refused: Option<(ScalingSpec, InvalidScaling)>,
}

/// What came out.
#[derive(Default)]
pub(super) struct Decided {
    /// Of those that were asked for.
    pub(super) statuses: Vec<(ObjectKey, ScalingMode, ScalingStatus)>,
    /// What goes outside for different policies, of all that were decided for.
    pub(super) shares: Vec<(ObjectKey, Vec<Spilling>)>,
    /// Objects that belong to it no more.
    pub(super) gone: Vec<ObjectKey>,
    /// For metrics; none before anything is known.
    pub(super) row: Option<Row>,
}

impl Group {
    /// What capacities are learned for.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(Member::model)
    }

    /// The objects that belong to it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.members.iter().map(|member| &member.key)
    }

    /// Forgets what it saw, and when.
    pub(super) fn begin_anew(&mut self) {
        self.rules = None;
        self.members.iter_mut().for_each(Member::begin_anew);
    }

    /// Decides for all members together. The first one's policy counts. Those whose memory is not known yet take no
    /// part: they cannot be placed either. `asks` says of whom a status is wanted.
    pub(super) fn decide(
        &mut self,
        given: Vec<Given<'_>>,
        around: Around<'_>,
        book: &mut Book,
        now: Timestamp,
        asks: impl Fn(&ObjectKey, &Brief<'_>) -> bool,
    ) -> Decided {
        let Some(spec) = given.first().and_then(|(object, ..)| object.spec.scaling.as_ref()) else {
            return Decided::default();
        };
        let stays = |member: &mut Member| given.iter().any(|(_, key, ..)| *key == member.key);
        let gone = self.members.extract_if(.., |member| !stays(member)).map(|member| member.key).collect();
        for (_, key, ..) in &given {
            if !self.members.iter().any(|member| member.key == *key) {
                self.members.push(Member::new(key.clone()));
            }
        }
        let rules = Rules::of(&mut self.rules, spec);
        let invalid = rules.refused.as_ref().map(|(_, invalid)| invalid);
        let Some((_, policy, scaler)) = &mut rules.followed else {
            let refused = invalid.map(|invalid| refused(&given, around.board, invalid));
            return Decided { gone, ..refused.unwrap_or_default() };
        };
        let parts = take_part(&mut self.members, given, around, book);
        let first = parts.first().and_then(|part| self.members.get(part.place)).map(|member| &member.key);
        if is_another(&mut self.first, first) {
            scaler.see_a_window_anew(policy);
        }
        let starts = self.members.iter().filter_map(|member| member.start).max();
        policy.start_time = starts.unwrap_or(Policy::default().start_time);
        let Looked { asked, served, there, mut variants, stuck, failing } =
            look(&mut self.members, &parts, policy.start_time, book, now);
        if variants.is_empty() {
            return Decided { gone, ..Decided::default() };
        }
        even_costs(&mut variants);
        let policy = wakeable(policy, &parts);
        let situation =
            Situation { policy: &policy, variants: &variants, demand: asked.map(|asked| asked.demand) };
        let mut decision = scaler.decide(&situation, now);
        let takers = || parts.iter().filter_map(|part| self.members.get(part.place));
        decision.lack_nodes(stuck, takers().any(|member| member.room() > 0));
        decision.lack_sound_ones(failing);
        if decision.reason == Reason::NoFreeGPU && !takers().any(Member::fits) {
            decision.reason = Reason::NoFit;
        }
        let (offered, backlog, capacity) = figures(&decision, &there);
        let mut row = row(capacity, &decision, asked, &parts);
        let load = load(&decision, &there);
        let serving = serving(&parts, &self.members);
        let start_seconds = starts.and_then(|start| i32::try_from(start.as_secs()).ok());
        let mut statuses = Vec::with_capacity(parts.len());
        let mut all_shares = Vec::with_capacity(parts.len());
        let outcomes = parts.iter().zip(&decision.replicas).zip(served).enumerate();
        for (variant, ((part, desired), served)) in outcomes {
            let Part { object, pods, .. } = part;
            let Some(member) = self.members.get_mut(part.place) else { continue };
            let external = part.is(ScalingMode::External);
            if !part.is(ScalingMode::Active) {
                member.advise(object.spec.replicas, *desired);
            }
            if let Some(change) = decision.change(variant, now).filter(|_| !external) {
                member.history.add(change);
            }
            // Only in mode Active is the decision what there will be.
            let wanted = if part.is(ScalingMode::Active) { *desired } else { part.replicas };
            let there = there_for(member, pods, wanted, &serving, around.targets);
            let (spill, shares) = member.spills(object, there, load, around.targets, now);
            row.spill = row.spill.max(spill.as_ref().map_or(0.0, |spill| spill.percent.into()));
            all_shares.push((member.key.clone(), shares));
            member.account(object, pods, served, around.targets, now);
            let brief = Brief {
                mode: mode(object).unwrap_or_default(),
                desired: if external { object.spec.replicas } else { count(*desired) },
                reason: said(external, invalid, &decision),
                figures: [offered, backlog, capacity].map(status::whole),
                spill: spill.as_ref().map(|spill| (spill.state, spill.percent)),
            };
            if !asks(&member.key, &brief) {
                continue;
            }
            let [offered, backlog, capacity] = brief.figures;
            let known = object.status.as_ref().and_then(|status| status.scaling.as_ref());
            let message = said_in_a_sentence(external, invalid, &decision);
            let status = ScalingStatus {
                offered_tokens_per_second: offered,
                backlog_tokens: backlog,
                capacity_tokens_per_second: capacity,
                desired: brief.desired,
                reason: brief.reason.to_owned(),
                message,
                spill,
                economics: member.economics(known, around.targets),
                learned: member.learned(book),
                start_seconds: start_seconds.or_else(|| known.and_then(|known| known.start_seconds)),
                history: status::history(&member.history, known),
            };
            statuses.push((member.key.clone(), brief.mode, status));
        }
        Decided { statuses, shares: all_shares, gone, row: Some(row) }
    }
}

/// The reason that a status has.
fn said(external: bool, invalid: Option<&InvalidScaling>, decision: &Decision) -> &'static str {
    match invalid {
        _ if external => EXTERNAL,
        Some(_) => INVALID,
        None => decision.reason.as_str(),
    }
}

fn said_in_a_sentence(external: bool, invalid: Option<&InvalidScaling>, decision: &Decision) -> String {
    match invalid {
        _ if external && decision.figures.is_none() => EXTERNAL_WITHOUT_FIGURES.to_owned(),
        _ if external => EXTERNAL_MESSAGE.to_owned(),
        Some(invalid) => format!("{invalid}; until that is mended, the rules before it hold: {decision}"),
        None => decision.to_string(),
    }
}

/// Whether the first object is another one than before.
fn is_another(known: &mut Option<ObjectKey>, first: Option<&ObjectKey>) -> bool {
    let Some(first) = first.filter(|first| known.as_ref() != Some(first)) else { return false };
    known.replace(first.clone()).is_some()
}

/// What metrics show, before it is known what goes outside.
fn row(capacity: f64, decision: &Decision, asked: Option<Asked>, parts: &[Part<'_>]) -> Row {
    let all = |tokens: Tokens| tokens.prompt + tokens.completion;
    let figures = decision.figures;
    // Who holds for want of figures does so for all of them.
    let asked = asked.filter(|_| figures.is_some());
    Row {
        offered: figures.filter(|figures| figures.is_mean).map(|figures| all(figures.offered)),
        backlog: figures.map(|figures| all(figures.waiting)),
        capacity,
        desired: decision.total().into(),
        spill: 0.0,
        in_flight: asked.map(|asked| asked.demand.in_flight.into()),
        served: asked.map(|asked| all(asked.served)),
        engines: engines(parts.iter().map(|part| part.said.engines)),
    }
}

/// Without a router nobody would wake it.
fn wakeable<'a>(policy: &'a Policy, parts: &[Part<'_>]) -> Cow<'a, Policy> {
    if parts.iter().any(|part| part.said.routers.is_some()) {
        return Cow::Borrowed(policy);
    }
    Cow::Owned(Policy { scale_to_zero_after: None, ..policy.clone() })
}

/// The reason in mode External.
const EXTERNAL: &str = "External";
const EXTERNAL_MESSAGE: &str = "something else sets spec.replicas; the operator's metrics have the figures";
const EXTERNAL_WITHOUT_FIGURES: &str = "something else sets spec.replicas; neither routers nor engines report, and the operator has no metrics for it";
/// The reason where the policy cannot be carried out.
const INVALID: &str = "InvalidSpec";

impl Rules {
    /// Those of the spec; the same ones as long as it is the same. Of another one, what was seen of the load stays, as it
    /// does not follow from the spec. One that cannot be read leaves the rules that there were.
    fn of<'a>(held: &'a mut Option<Self>, spec: &ScalingSpec) -> &'a mut Self {
        let before = match held.take() {
            Some(rules) if rules.are_of(spec) => return held.insert(rules),
            before => before.and_then(|before| before.followed).filter(|(before, ..)| in_mode(before, spec)),
        };
        held.insert(match policy(spec) {
            Ok(policy) => {
                let scaler = before.map(|before| goes_on(before, spec, &policy));
                let scaler = scaler.unwrap_or_else(|| Scaler::new(&policy));
                Self { followed: Some((spec.clone(), policy, scaler)), refused: None }
            }
            Err(invalid) => Self { followed: before, refused: Some((spec.clone(), invalid)) },
        })
    }

    fn are_of(&self, spec: &ScalingSpec) -> bool {
        let refused = self.refused.as_ref().map(|(refused, _)| refused);
        refused.or(self.followed.as_ref().map(|(followed, ..)| followed)) == Some(spec)
    }
}

/// Whether two specs are in one mode: what was advised says nothing of what there is, nor the other way round.
fn in_mode(one: &ScalingSpec, other: &ScalingSpec) -> bool {
    one.mode.unwrap_or_default() == other.mode.unwrap_or_default()
}

/// What was seen, for another spec.
fn goes_on(
    (before, measured, mut scaler): (ScalingSpec, Policy, Scaler),
    spec: &ScalingSpec,
    policy: &Policy,
) -> Scaler {
    let measure = |policy: &Policy| (policy.window, policy.target_utilization, policy.shrink_utilization);
    if measure(&measured) != measure(policy) || before.replica_capacity != spec.replica_capacity {
        scaler.see_a_window_anew(policy);
    }
    scaler
}

/// What was decided last, as the board has it, where there are no rules before those that cannot be read: the status of
/// the object may be older.
fn refused(given: &[Given<'_>], board: &Board, invalid: &InvalidScaling) -> Decided {
    let statuses = given.iter().map(|(object, key, decided, ..)| {
        let known = board.status(object);
        let status = ScalingStatus {
            // What was advised is not what there is.
            desired: decided.or(known.as_ref().map(|known| known.desired)).unwrap_or_else(|| present(object)),
            reason: INVALID.to_owned(),
            message: format!("{invalid}; until that is mended, what was decided before stays"),
            ..known.unwrap_or_default()
        };
        (key.clone(), mode(object).unwrap_or_default(), status)
    });
    Decided { statuses: statuses.collect(), ..Decided::default() }
}

/// Where one price is not known, none counts.
fn even_costs(variants: &mut [Variant]) {
    if variants.iter().any(|variant| variant.hourly_cost.is_nan()) {
        for variant in variants {
            variant.hourly_cost = 1.0;
        }
    }
}

/// Of all members of which engines say anything.
fn engines(all: impl Iterator<Item = Option<Engines>>) -> Option<Engines> {
    all.flatten().reduce(|sum, said| sum.plus(&said))
}

/// What is asked of the replicas that serve; unknown where neither routers nor engines report.
fn load(decision: &Decision, there: &[(Capacity, Supply)]) -> Option<Load> {
    let figures = decision.figures?;
    let ready: Vec<(Capacity, u32)> =
        there.iter().map(|(capacity, supply)| (*capacity, supply.ready)).collect();
    Some(Load::of(figures.offered, figures.waiting, &ready))
}

/// Tokens per second that are offered, tokens that wait, and tokens per second of the same mix that there is capacity
/// for.
fn figures(decision: &Decision, there: &[(Capacity, Supply)]) -> (f64, f64, f64) {
    let all = |tokens: Tokens| tokens.prompt + tokens.completion;
    let figures = decision.figures.unwrap_or_default();
    let mix = figures.offered + figures.waiting;
    let mix = if mix.is_zero() { Tokens::new(1.0, 1.0) } else { mix };
    let capacity =
        there.iter().map(|(capacity, supply)| f64::from(supply.replicas()) * all(mix) / capacity.work(mix));
    (all(figures.offered), all(figures.waiting), capacity.sum())
}

fn count(replicas: u32) -> i32 {
    i32::try_from(replicas).unwrap_or(i32::MAX)
}
