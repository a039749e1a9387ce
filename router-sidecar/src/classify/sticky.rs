//! Classes that a session has had: what was said once is in the conversation for good.

use crate::snapshot::Kept;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};

/// Sessions that are remembered at least: those seen last. As many again may be.
const SESSIONS: usize = 32 * 1024;

/// Classes of a session beyond which those that no rule knows are not added: these keep it in the cluster already, and
/// more of them say nothing new.
const UNKNOWN_AT_MOST: usize = 8;

/// The classes of sessions, in two generations: when one is full, the older one is forgotten.
#[derive(Debug, Default)]
pub struct Sticky(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, BTreeSet<String>>,
    old: HashMap<u64, BTreeSet<String>>,
}

impl Sticky {
    /// The classes that a session has had, and nothing else: it is not in use because of that.
    pub fn known(&self, session: u64) -> Vec<String> {
        let generations = self.0.lock();
        let classes = generations.young.get(&session).or_else(|| generations.old.get(&session));
        classes.into_iter().flatten().cloned().collect()
    }

    /// Adds the classes of a request to those of its session, and those of the session to the request. Gives what the
    /// request did not have.
    pub fn join(
        &self,
        session: u64,
        classes: &mut Vec<String>,
        keeps: impl Fn(&str) -> Option<Kept>,
    ) -> Vec<String> {
        let kept: Vec<(&String, Kept)> =
            classes.iter().filter_map(|class| Some((class, keeps(class)?))).collect();
        let mut generations = self.0.lock();
        let Generations { young, old } = &mut *generations;
        if kept.is_empty() && !young.contains_key(&session) && !old.contains_key(&session) {
            return Vec::new();
        }
        let mut known = young.remove(&session).or_else(|| old.remove(&session)).unwrap_or_default();
        for (class, kept) in kept {
            if kept == Kept::Bound || known.len() < UNKNOWN_AT_MOST {
                known.insert(class.clone());
            }
        }
        let added: Vec<String> = known.iter().filter(|class| !classes.contains(class)).cloned().collect();
        if young.len() >= SESSIONS {
            *old = std::mem::take(young);
        }
        young.insert(session, known);
        drop(generations);
        classes.extend(added.iter().cloned());
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(sticky: &Sticky, session: u64, classes: &[&str]) -> Vec<String> {
        let mut classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
        sticky.join(session, &mut classes, |class| match class {
            "batch" => None,
            "phi" | "pii" => Some(Kept::Bound),
            _ => Some(Kept::Unknown),
        });
        classes
    }

    #[test]
    fn a_session_keeps_its_classes_and_other_sessions_do_not_get_them() {
        let sticky = Sticky::default();
        assert_eq!(join(&sticky, 1, &["batch"]), ["batch"]);
        assert_eq!(join(&sticky, 1, &[]), Vec::<String>::new(), "a class that keeps nothing in is not kept");
        assert_eq!(join(&sticky, 1, &["phi", "batch"]), ["phi", "batch"]);
        assert_eq!(join(&sticky, 1, &["pii"]), ["pii", "phi"]);
        assert_eq!(join(&sticky, 1, &[]), ["phi", "pii"]);
        assert_eq!(join(&sticky, 2, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_session_with_ever_new_classes_keeps_a_few_and_all_that_rules_bind() {
        let sticky = Sticky::default();
        for number in 0..1000 {
            join(&sticky, 1, &[&format!("new-{number}")]);
        }
        join(&sticky, 1, &["phi"]);
        let known = sticky.known(1);
        assert_eq!(known.len(), UNKNOWN_AT_MOST + 1);
        assert!(known.contains(&"phi".to_owned()));
    }

    #[test]
    fn memory_is_bounded_and_sessions_in_use_are_not_forgotten() {
        let sticky = Sticky::default();
        for session in 0..SESSIONS as u64 * 5 {
            join(&sticky, session + 10, &["phi"]);
            if session % 1000 == 0 {
                assert_eq!(join(&sticky, 1, if session == 0 { &["phi"] } else { &[] }), ["phi"]);
            }
        }
        let generations = sticky.0.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * SESSIONS);
    }
}
