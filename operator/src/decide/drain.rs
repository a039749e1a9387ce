//! Which replicas go when there are to be fewer, and when.
//!
//! A replica that serves is marked first: routers take it out of their lists, and it becomes the one that the cluster
//! deletes. Only when no router sends it requests any more, and it has answered those that it had, is the number
//! lowered. Marks are on the pods, so that any operator goes on where another one ended.

use jiff::{SignedDuration, Timestamp};

/// Routers that have not taken a replica out of their lists by then are not waited for: they are not there any more,
/// or keep an older config.
const TOLD_BY: SignedDuration = SignedDuration::from_secs(10);

/// Whether routers that are there had time to connect to an operator that has led since then: before that, who is not
/// connected may still have an older config.
pub fn routers_are_known(leads_since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(leads_since) >= TOLD_BY
}

/// What a replica is answering when it is marked it may finish in so long, or in its drain timeout if that is longer;
/// most answers of a small model take less. It then has the drain timeout once more, while it stops.
const FINISHED_BY: SignedDuration = SignedDuration::from_mins(1);

/// A replica that is not on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The pod's name.
    pub name: String,
    /// Whether it serves.
    pub serves: bool,
    /// Since when it does not, if it has before.
    pub lapsed: Option<Timestamp>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Since when it is marked to go.
    pub marked: Option<Timestamp>,
    /// Since when routers could be told so: since it is marked, and there is an operator to tell them.
    pub told: Option<Timestamp>,
    /// Whether no router sends it requests any more.
    pub left: bool,
    /// Whether its engine says that it is answering, or is too busy to say anything.
    pub answers: bool,
}

impl Replica {
    /// Whether it is marked, and no router sends it requests, as far as can be told.
    pub fn is_left(&self, now: Timestamp) -> bool {
        self.told.is_some_and(|told| self.left || now.duration_since(told) >= TOLD_BY)
    }

    /// Whether it served and may do so again, has answers under way, and had no time to finish them yet. The cluster
    /// would delete it before any that serves, marked or not.
    fn must_finish(&self, finish: SignedDuration, now: Timestamp) -> bool {
        let recent = |since| now.duration_since(since) < finish.max(FINISHED_BY);
        !self.serves && self.answers && self.lapsed.is_some_and(recent)
    }

    /// Whether it may be stopped.
    fn may_go(&self, finish: SignedDuration, now: Timestamp) -> bool {
        let late = self.marked.is_some_and(|marked| now.duration_since(marked) >= finish.max(FINISHED_BY));
        self.is_left(now) && (!self.answers || late)
    }
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// How many replicas the cluster is to have for now.
    pub replicas: u32,
    /// Mark these.
    pub mark: Vec<String>,
    /// These stay after all.
    pub unmark: Vec<String>,
}

/// On the way from `current` replicas, as the cluster is told now, to `wanted`. `finish` is the drain timeout.
///
/// The cluster deletes replicas without a node first, then those that do not serve, then marked ones. So only as many
/// that serve are marked as the others do not make up for; the newest, whose caches are worth least. Nothing is deleted
/// while one that does not serve just now still answers.
pub fn step(wanted: u32, current: u32, replicas: &[Replica], finish: SignedDuration, now: Timestamp) -> Step {
    let there = u32::try_from(replicas.len()).unwrap_or(u32::MAX);
    let unmark_all = || replicas.iter().filter(|replica| replica.marked.is_some()).map(|r| r.name.clone());
    if wanted >= current {
        // Told already, and not carried out yet: the mark says which one it is to be.
        let unmark = if there > wanted { Vec::new() } else { unmark_all().collect() };
        return Step { replicas: wanted, mark: Vec::new(), unmark };
    }
    let mut serving: Vec<&Replica> = replicas.iter().filter(|replica| replica.serves).collect();
    let serve = u32::try_from(serving.len()).unwrap_or(u32::MAX);
    let go = serve.saturating_sub(wanted);
    // Marked ones first, those marked longest ago before others; then the newest.
    serving.sort_by(|a, b| {
        let order = |replica: &Replica| (replica.marked.is_none(), replica.marked);
        order(a).cmp(&order(b)).then_with(|| (b.created, &b.name).cmp(&(a.created, &a.name)))
    });
    let (going, staying) = serving.split_at(usize::try_from(go).unwrap_or(usize::MAX).min(serving.len()));
    let all_gone = going.iter().all(|replica| replica.may_go(finish, now));
    let unfinished = replicas.iter().any(|replica| replica.must_finish(finish, now));
    Step {
        // Those that never served need no farewell.
        replicas: match (unfinished, all_gone) {
            (true, _) => current,
            (false, true) => wanted,
            (false, false) => wanted.saturating_add(go).min(current),
        },
        // A mark of the future, by a clock that went back, would never grow old.
        mark: going
            .iter()
            .filter(|r| r.marked.is_none_or(|marked| marked > now))
            .map(|r| r.name.clone())
            .collect(),
        unmark: staying.iter().filter(|r| r.marked.is_some()).map(|r| r.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_571_200 + second).unwrap()
    }

    /// Made in the order of their names.
    fn replica(name: &str, serves: bool) -> Replica {
        let created = name.bytes().next().map(|letter| at(i64::from(letter) - 1000));
        Replica {
            name: name.to_owned(),
            serves,
            lapsed: None,
            created,
            marked: None,
            told: None,
            left: false,
            answers: false,
        }
    }

    fn step(wanted: u32, current: u32, replicas: &[Replica], now: Timestamp) -> Step {
        super::step(wanted, current, replicas, SignedDuration::from_secs(10), now)
    }

    fn marked(name: &str, at: Timestamp, left: bool) -> Replica {
        Replica { marked: Some(at), told: Some(at), left, ..replica(name, true) }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_newest_is_marked_then_left_then_gone() {
        let others = [replica("a", true), replica("b", true)];
        let with = |third: Replica| [others.to_vec(), vec![third]].concat();
        let first = step(2, 3, &with(replica("c", true)), at(0));
        assert_eq!(first, Step { replicas: 3, mark: names(&["c"]), unmark: vec![] });
        let waits = Step { replicas: 3, ..Step::default() };
        assert_eq!(step(2, 3, &with(marked("c", at(0), false)), at(9)), waits);
        let goes = Step { replicas: 2, ..Step::default() };
        assert_eq!(step(2, 3, &with(marked("c", at(0), true)), at(1)), goes);
        assert_eq!(step(2, 3, &with(marked("c", at(0), false)), at(10)), goes, "nobody waits for ever");
        assert_eq!(
            step(2, 2, &with(marked("c", at(0), true)), at(2)),
            goes,
            "the mark stays until it is gone"
        );
        assert_eq!(step(2, 2, &others, at(3)), goes);
    }

    #[test]
    fn who_still_answers_is_waited_for_but_not_for_ever() {
        let answering = |left| {
            let goes = Replica { answers: true, ..marked("b", at(0), left) };
            [replica("a", true), goes]
        };
        for (left, second, replicas) in
            [(true, 1, 2), (true, 59, 2), (true, 60, 1), (false, 10, 2), (false, 60, 1)]
        {
            assert_eq!(step(1, 2, &answering(left), at(second)).replicas, replicas, "{left}, {second} s");
        }
        let long = SignedDuration::from_mins(10);
        assert_eq!(super::step(1, 2, &answering(true), long, at(599)).replicas, 2);
        assert_eq!(super::step(1, 2, &answering(true), long, at(600)).replicas, 1);
    }

    #[test]
    fn another_operator_gives_routers_time_anew() {
        let goes = Replica { told: Some(at(100)), ..marked("b", at(0), false) };
        for (second, replicas) in [(100, 2), (109, 2), (110, 1)] {
            assert_eq!(step(1, 2, &[replica("a", true), goes.clone()], at(second)).replicas, replicas);
        }
        assert!(!routers_are_known(at(100), at(109)) && routers_are_known(at(100), at(110)));
    }

    #[test]
    fn a_mark_of_the_future_is_made_anew() {
        let goes = marked("b", at(3600), false);
        let step = step(1, 2, &[replica("a", true), goes], at(0));
        assert_eq!(step, Step { replicas: 2, mark: names(&["b"]), unmark: vec![] });
    }

    #[test]
    fn who_is_marked_goes_though_another_one_is_newer() {
        let replicas = [replica("a", true), marked("b", at(0), true), replica("c", true)];
        assert_eq!(step(2, 3, &replicas, at(1)), Step { replicas: 2, ..Step::default() });
    }

    #[test]
    fn who_does_not_serve_goes_first_and_at_once() {
        let replicas = [replica("a", true), replica("b", false), replica("c", true)];
        assert_eq!(step(2, 3, &replicas, at(0)), Step { replicas: 2, ..Step::default() });
        let two = step(1, 3, &replicas, at(0));
        assert_eq!(two, Step { replicas: 2, mark: names(&["c"]), unmark: vec![] });
        assert_eq!(step(2, 5, &replicas, at(0)).replicas, 2, "some of the five were never made");
    }

    #[test]
    fn who_does_not_serve_just_now_may_finish_what_it_answers() {
        let lapsed = |since, answers| {
            let lapsed = Replica { lapsed: Some(at(since)), answers, ..replica("c", false) };
            [replica("a", true), marked("b", at(0), true), lapsed]
        };
        for (replicas, second, left) in [
            (lapsed(5, true), 6, 3),
            (lapsed(5, false), 6, 2),
            (lapsed(5, true), 64, 3),
            (lapsed(5, true), 65, 2),
        ] {
            assert_eq!(step(2, 3, &replicas, at(second)).replicas, left, "{replicas:?} at {second}");
        }
    }

    #[test]
    fn who_was_to_go_stays_when_it_is_wanted_again() {
        let replicas = [replica("a", true), marked("b", at(0), false), marked("c", at(1), false)];
        let all = Step { replicas: 3, mark: vec![], unmark: names(&["b", "c"]) };
        assert_eq!(step(3, 3, &replicas, at(5)), all);
        let one = Step { replicas: 3, mark: vec![], unmark: names(&["c"]) };
        assert_eq!(step(2, 3, &replicas, at(5)), one);
    }

    #[test]
    fn the_last_one_is_drained_like_any() {
        assert_eq!(step(0, 1, &[replica("a", true)], at(0)).mark, names(&["a"]));
        assert_eq!(step(0, 1, &[marked("a", at(0), true)], at(1)).replicas, 0);
        assert_eq!(step(0, 3, &[], at(1)), Step::default());
    }

    #[test]
    fn a_rollout_marks_nobody() {
        let surge = [replica("a", true), replica("b", true), replica("c", true)];
        assert_eq!(step(2, 2, &surge, at(0)), Step { replicas: 2, ..Step::default() });
    }

    /// The cluster deletes as it does: not serving first, then marked, then the newest.
    fn delete(replicas: &mut Vec<Replica>, to: u32) -> Vec<Replica> {
        replicas.sort_by_key(|r| (r.serves, r.marked.is_none(), std::cmp::Reverse(r.created)));
        let excess = replicas.len().saturating_sub(to as usize);
        replicas.drain(..excess).collect()
    }

    proptest! {
        #[test]
        fn nobody_that_serves_goes_unless_it_was_left_and_has_finished_or_was_given_time(
            serves in proptest::collection::vec(any::<bool>(), 0..8),
            wishes in proptest::collection::vec((0_u32..8, any::<bool>(), any::<bool>(), 0_i64..40), 1..30),
        ) {
            let letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let mut replicas: Vec<_> =
                serves.iter().zip(letters).map(|(serves, name)| replica(name, *serves)).collect();
            let mut current = u32::try_from(replicas.len()).unwrap();
            let (mut second, mut next) = (0, 0);
            for (wanted, routers_follow, answer, passed) in wishes {
                second += passed;
                let step = step(wanted, current, &replicas, at(second));
                prop_assert!(step.replicas >= wanted.min(current) && step.replicas <= wanted.max(current));
                let both: BTreeSet<_> = step.mark.iter().filter(|name| step.unmark.contains(name)).collect();
                prop_assert!(both.is_empty());
                for replica in &mut replicas {
                    if step.mark.contains(&replica.name) {
                        (replica.marked, replica.told) = (Some(at(second)), Some(at(second)));
                    }
                    if step.unmark.contains(&replica.name) {
                        (replica.marked, replica.told, replica.left) = (None, None, false);
                    }
                }
                current = step.replicas;
                for gone in delete(&mut replicas, current) {
                    let since = |m| at(second).duration_since(m);
                    let told = gone.marked.is_some_and(|m| gone.left || since(m) >= TOLD_BY);
                    let finished = !gone.answers || gone.marked.is_some_and(|m| since(m) >= FINISHED_BY);
                    prop_assert!(!gone.serves || (told && finished), "{gone:?} at {second}");
                }
                while replicas.len() < current as usize {
                    next += 1;
                    replicas.push(Replica {
                        created: Some(at(second + next)), ..replica(&format!("n{next}"), true)
                    });
                }
                for replica in &mut replicas {
                    replica.left |= replica.marked.is_some() && routers_follow;
                    replica.answers = answer;
                }
            }
        }
    }
}
