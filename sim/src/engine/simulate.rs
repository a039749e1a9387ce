//! The clock.

use super::fleet::Fleet;
use super::{Machine, View};
use crate::outcome::{Outcome, Sample};
use crate::rule::Rule;
use crate::trace::{SECOND, Trace};

/// Requests that nobody could answer within so long after the last one are left.
const AFTERMATH: u64 = 3600;

/// Replays a trace against a rule that is asked every second, starting with so many replicas that serve.
pub fn simulate(trace: &Trace, machine: Machine, replicas: u32, rule: &mut dyn Rule) -> Outcome {
    let mut fleet = Fleet::new(machine, replicas);
    let mut arrivals = trace.arrivals().peekable();
    let mut look_at = SECOND;
    let end = trace.seconds();
    loop {
        let arrival = arrivals.peek().map_or(u64::MAX, |arrival| arrival.at);
        let event = fleet.next();
        if look_at <= arrival.min(event) {
            let view = fleet.look(look_at);
            let target = rule.decide(&view);
            // What it takes to answer the rest is nobody's: GPU time is compared over the trace.
            if view.now <= end {
                note(&mut fleet, &view, target, &machine);
            }
            fleet.scale(target, look_at);
            look_at += SECOND;
            let over = arrival == u64::MAX && (fleet.is_done() || view.now > end + AFTERMATH);
            if over && view.now >= end {
                break;
            }
        } else if event <= arrival {
            fleet.step(event);
        } else if let Some(arrival) = arrivals.next() {
            fleet.arrive(arrival);
        }
    }
    let left = fleet.look(look_at).waiting;
    fleet.outcome.never_answered(left);
    fleet.outcome
}

fn note(fleet: &mut Fleet, view: &View, target: u32, machine: &Machine) {
    let gpus = fleet.gpus();
    let busy = machine.work(view.offered_prompt, f64::from(view.offered_requests) * view.mean_completion);
    fleet.outcome.second(Sample { busy, ready: view.ready, target }, gpus);
}
