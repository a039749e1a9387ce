//! Plans by someone who knows beforehand: every request, or only the rates that requests are drawn from.

use crate::engine::Machine;
use crate::rule::Plan;
use crate::trace::{SECOND, Trace};

/// The part of their time that the replicas of a plan are busy; the cheapest plan that attains enough is the oracle's.
pub const UTILIZATIONS: [f64; 9] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4];
/// Seconds over which the work of a plan is averaged.
pub const SMOOTHINGS: [usize; 3] = [60, 20, 5];
/// The same for who knows only rates. It has nothing else to vary, so that the steps are finer.
pub const FORECAST_UTILIZATIONS: [f64; 15] =
    [1.0, 0.975, 0.95, 0.925, 0.9, 0.875, 0.85, 0.825, 0.8, 0.775, 0.75, 0.7, 0.6, 0.5, 0.4];

/// Replica seconds of work that come in each second, on average over all requests that might be drawn; none of a trace
/// that is not drawn.
pub fn expected(trace: &Trace, machine: &Machine) -> Option<Vec<f64>> {
    let Trace::Rates(rates) = trace else { return None };
    let work = |second| {
        let rate = rates.at(second as f64);
        rate.requests * machine.work(rate.prompt, rate.completion)
    };
    Some((0..trace.seconds()).map(work).collect())
}

/// Replica seconds of work that come in each second.
pub fn work(trace: &Trace, machine: &Machine) -> Vec<f64> {
    let seconds = usize::try_from(trace.seconds()).unwrap_or(usize::MAX);
    let mut work = vec![0.0; seconds];
    for arrival in trace.arrivals() {
        let second = usize::try_from(arrival.at / SECOND).unwrap_or(usize::MAX);
        if let Some(cell) = work.get_mut(second) {
            *cell += machine.work(f64::from(arrival.prompt), f64::from(arrival.completion));
        }
    }
    work
}

/// Replicas that serve whenever the work, averaged over `smoothing` seconds around the moment, would keep them busier
/// than `utilization`. Each is started so that it serves on time, and kept over a lull in which it could not be started
/// again; the second says from when it is wanted.
pub fn plan(work: &[f64], machine: &Machine, utilization: f64, smoothing: usize) -> Plan {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    for second in work {
        sum += second;
        sums.push(sum);
    }
    let until = |at: usize| sums.get(at.min(work.len())).copied().unwrap_or_default();
    let needed = |second: usize| {
        let (from, to) =
            (second.saturating_sub(smoothing / 2), (second + smoothing.div_ceil(2)).min(work.len()));
        let busy = (until(to) - until(from)) / to.saturating_sub(from).max(1) as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let replicas = (busy / utilization - 1e-9).ceil() as u32;
        replicas.max(1)
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let ahead = machine.start_seconds.ceil() as usize + 1;
    let needs: Vec<u32> = (0..work.len()).map(needed).collect();
    Plan(largest_ahead(&needs, ahead))
}

/// The largest of each value and the `ahead` that follow it.
fn largest_ahead(values: &[u32], ahead: usize) -> Vec<u32> {
    let mut largest = vec![0; values.len()];
    let mut candidates: std::collections::VecDeque<usize> = std::collections::VecDeque::new();
    let value = |index: usize| values.get(index).copied().unwrap_or_default();
    for index in (0..values.len()).rev() {
        while candidates.back().is_some_and(|later| value(*later) <= value(index)) {
            candidates.pop_back();
        }
        candidates.push_back(index);
        while candidates.front().is_some_and(|later| *later > index + ahead) {
            candidates.pop_front();
        }
        if let (Some(cell), Some(front)) = (largest.get_mut(index), candidates.front()) {
            *cell = value(*front);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_ahead_is_what_looking_says() {
        let values = [1, 5, 2, 2, 7, 1, 1, 1, 3];
        for ahead in 0..10 {
            let looked: Vec<u32> = (0..values.len())
                .map(|at| values[at..].iter().take(ahead + 1).copied().max().unwrap_or_default())
                .collect();
            assert_eq!(largest_ahead(&values, ahead), looked, "{ahead}");
        }
    }

    #[test]
    fn a_plan_starts_replicas_before_they_are_needed() {
        let work = [vec![1.0; 300], vec![4.0; 300], vec![1.0; 300]].concat();
        let machine = Machine { start_seconds: 100.0, ..Machine::default() };
        let Plan(plan) = plan(&work, &machine, 1.0, 1);
        assert_eq!((plan[198], plan[199], plan[599], plan[601]), (1, 4, 4, 1));
    }
}
