//! What an endpoint is left alone for, and when it is tried again.

use super::*;

const RULES: EjectionRules = EjectionRules {
    consecutive_failures: 3,
    failure_percent: 50,
    min_requests: 10,
    base: Duration::from_secs(10),
    max: Duration::from_mins(1),
};

/// What a probe has to its first content.
const PROBE: Duration = Duration::from_mins(1);

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ejected_after(history: &mut History, at: Instant, failures: u32) -> bool {
    (0..failures).fold(false, |_, _| history.failure(at, at, &RULES))
}

#[test]
fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let start = Instant::now();
    let mut history = History::new(start);
    assert!(!ejected_after(&mut history, start, 2));
    history.success(start, start);
    assert!(!ejected_after(&mut history, start, 2));
    assert_eq!(history.standing(start), Standing::Good);
    assert!(history.failure(start, start, &RULES));
    let until = start + second(10);
    assert_eq!(history.standing(start), Standing::Resting { until, ejected: true });
}

#[test]
fn half_of_recent_requests_failing_ejects_whatever_their_order() {
    let start = Instant::now();
    let mut history = History::new(start);
    for _ in 0..5 {
        history.success(start, start);
        assert_eq!(history.standing(start), Standing::Good);
        history.failure(start, start, &RULES);
    }
    assert_ne!(history.standing(start), Standing::Good);
    // The same failures long ago say nothing about now.
    let mut history = History::new(start);
    for _ in 0..4 {
        history.success(start, start);
        history.failure(start, start, &RULES);
    }
    let later = start + second(60);
    (0..5).for_each(|_| history.success(later, later));
    history.failure(later, later, &RULES);
    assert_eq!(history.standing(later), Standing::Good);
}

/// An endpoint whose first ejection is over, and when that is.
fn on_probation() -> (History, Instant) {
    let start = Instant::now();
    let mut history = History::new(start);
    ejected_after(&mut history, start, 3);
    (history, start + second(10))
}

#[test]
fn probation_lets_one_request_in_and_its_outcome_decides() {
    let (mut history, over) = on_probation();
    assert_eq!(history.standing(over), Standing::Good);
    history.begin(over, PROBE);
    assert_ne!(history.standing(over), Standing::Good, "a second request must wait for the first");
    // It fails: twice as long.
    assert!(history.failure(over, over, &RULES));
    let until = over + second(20);
    assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
    // It succeeds: as new, and the next ejection is short again.
    history.begin(until, PROBE);
    history.success(until, until);
    assert_eq!(history.standing(until), Standing::Good);
    assert!(ejected_after(&mut history, until, 3));
    let again = until + second(10);
    assert_eq!(history.standing(until), Standing::Resting { until: again, ejected: true });
}

#[test]
fn the_beginning_of_an_answer_ends_a_probation_but_no_row_of_failures() {
    let start = Instant::now();
    let mut history = History::new(start);
    ejected_after(&mut history, start, 3);
    // Under way since before.
    history.begins_to_answer(start, start);
    assert_ne!(history.standing(start), Standing::Good);
    let over = start + second(10);
    history.begin(over, PROBE);
    history.begins_to_answer(over, over);
    assert_eq!(history.standing(over), Standing::Good, "others need not wait for its end");
    // It breaks off after all: twice as long.
    assert!(history.failure(over, over, &RULES));
    let until = over + second(20);
    assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
    // Only an answer that ends well is the end of it.
    history.begin(until, PROBE);
    history.begins_to_answer(until, until);
    history.success(until, until);
    assert!(!ejected_after(&mut history, until, 2));
    assert!(history.failure(until, until, &RULES));
    let again = until + second(10);
    assert_eq!(history.standing(until), Standing::Resting { until: again, ejected: true });
}

/// An endpoint that was ejected after this, and when that is over.
fn ejected_since() -> (History, Instant, Instant) {
    let before = Instant::now();
    let start = before + second(1);
    let mut history = History::new(before);
    ejected_after(&mut history, start, 3);
    (history, before, start + second(10))
}

#[test]
fn what_was_under_way_when_it_was_ejected_changes_nothing_however_it_ends() {
    let (mut history, before, over) = ejected_since();
    let meanwhile = before + second(5);
    let resting = history.standing(meanwhile);
    assert_ne!(resting, Standing::Good);
    // While it is left alone.
    history.success(meanwhile, before);
    assert!(!history.failure(meanwhile, before, &RULES));
    assert_eq!(history.standing(meanwhile), resting);
    // When its time is over, and while the one that decides is under way.
    assert!(!history.failure(over, before, &RULES), "it has not been tried again");
    history.begin(over, PROBE);
    history.begins_to_answer(over, before);
    history.success(over, before);
    assert_ne!(history.standing(over), Standing::Good, "others wait for the one that decides");
    // That one begins to answer, and fails after all: twice as long, whatever came from before.
    history.begins_to_answer(over, over);
    history.success(over, before);
    assert!(!history.failure(over, before, &RULES));
    assert_eq!(history.standing(over), Standing::Good);
    assert!(history.failure(over, over, &RULES));
    let until = over + second(20);
    assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
    // Who was sent there all the same may well bring it back.
    history.success(over + second(1), over);
    assert_eq!(history.standing(over + second(1)), Standing::Good);
}

#[test]
fn what_was_under_way_when_it_was_ejected_counts_among_recent_requests() {
    let (mut history, before, over) = ejected_since();
    (0..9).for_each(|_| {
        history.failure(over, before, &RULES);
    });
    history.success(over, over);
    assert_eq!(history.standing(over), Standing::Good);
    assert!(history.failure(over, over, &RULES), "of eleven ten have failed");
}

#[test]
fn a_probe_without_an_outcome_does_not_block_for_ever() {
    let (mut history, over) = on_probation();
    history.begin(over, PROBE);
    let last = over + second(59);
    assert_ne!(history.standing(last), Standing::Good, "it may still answer");
    assert_eq!(history.begin(last, PROBE), None, "who comes all the same takes nothing over");
    assert_eq!(history.standing(over + PROBE), Standing::Good);
}

#[test]
fn a_probe_that_is_given_up_leaves_the_decision_to_the_next() {
    let (mut history, over) = on_probation();
    let first = history.begin(over, PROBE).unwrap();
    history.give_up(first);
    assert_eq!(history.standing(over), Standing::Good);
    let later = over + second(1);
    let next = history.begin(later, PROBE).unwrap();
    // Told late: it is not for this one to say.
    history.give_up(first);
    assert_ne!(history.standing(later), Standing::Good);
    assert!(history.failure(later, later, &RULES));
    history.give_up(next);
    assert_ne!(history.standing(later), Standing::Good, "it had an outcome");
}

#[test]
fn ejections_double_up_to_the_longest_and_late_failures_change_nothing() {
    let start = Instant::now();
    let mut history = History::new(start);
    let mut now = start;
    ejected_after(&mut history, now, 3);
    for expected in [20, 40, 60, 60, 60] {
        let Standing::Resting { until, .. } = history.standing(now) else { panic!("not ejected") };
        assert!(!history.failure(now, now, &RULES), "already ejected");
        now = until;
        assert!(history.failure(now, now, &RULES));
        let until = now + second(expected);
        assert_eq!(history.standing(now), Standing::Resting { until, ejected: true });
    }
}

#[test]
fn a_rest_that_was_asked_for_is_kept_and_is_no_ejection() {
    let start = Instant::now();
    let mut history = History::new(start);
    history.cool_down(start, second(7));
    history.cool_down(start, second(1));
    let until = start + second(7);
    assert_eq!(history.standing(start), Standing::Resting { until, ejected: false });
    history.success(start, start);
    assert_ne!(history.standing(start), Standing::Good, "an answer under way does not end the rest");
    assert_eq!(history.standing(until), Standing::Good);
}

#[test]
fn who_fails_while_it_rests_has_its_rest_all_the_same() {
    let start = Instant::now();
    let mut history = History::new(start);
    history.cool_down(start, second(7));
    assert!(ejected_after(&mut history, start, 3));
    let until = start + second(10);
    assert_eq!(history.standing(start), Standing::Resting { until, ejected: false });
    assert_eq!(history.standing(start + second(7)), Standing::Resting { until, ejected: true });
}

#[test]
fn the_last_answer_of_its_model_is_known_and_a_refusal_is_none() {
    let start = Instant::now();
    let mut history = History::new(start);
    history.success(start, start);
    assert!(!history.has_worked_since(start));
    history.worked(start + second(1));
    history.failure(start + second(2), start + second(2), &RULES);
    assert!(history.has_worked_since(start + second(1)));
    assert!(!history.has_worked_since(start + second(2)));
}

#[test]
fn rules_of_zero_never_eject() {
    let off = EjectionRules { consecutive_failures: 0, failure_percent: 0, ..RULES };
    let start = Instant::now();
    let mut history = History::new(start);
    assert!((0..1000).all(|_| !history.failure(start, start, &off)));
}

#[test]
fn what_can_be_used_soonest_comes_first() {
    let start = Instant::now();
    let resting = |seconds, ejected| Standing::Resting { until: start + second(seconds), ejected };
    assert!(Standing::Good < resting(1, false));
    assert!(resting(1, true) < resting(2, false));
}
