//! The target that a session is bound to.
//!
//! Weighted rendezvous hashing: each target gets a number from the session and its own name, and the smallest
//! wins. The numbers are exponentially distributed with the weight as rate, so that over many sessions each target
//! wins its share; and since no number depends on the other targets or on their order, a session leaves its target only
//! if that one is gone. (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006, give the distribution.)

use super::mix;
use crate::snapshot::BackendIndex;

/// The target of a session with its weight; `None` only if there is no target. `seed` is a target's name as a number.
pub(super) fn pick(
    weighted: &[(BackendIndex, u32)],
    session: u64,
    seed: impl Fn(BackendIndex) -> u64,
) -> Option<(BackendIndex, u32)> {
    let key = |(backend, weight): &(BackendIndex, u32)| {
        let bits = mix(session ^ seed(*backend));
        // In (0, 1): the logarithm is finite.
        let unit = ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -unit.ln() / f64::from(*weight)
    };
    weighted.iter().copied().min_by(|a, b| key(a).total_cmp(&key(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::hash;

    /// The seeds of targets named a, b and so on.
    fn seed(backend: BackendIndex) -> u64 {
        hash(&[b'a' + u8::try_from(backend).unwrap()])
    }

    #[test]
    fn over_many_sessions_every_target_gets_its_share() {
        let weighted = [(0, 95), (1, 5)];
        let sessions = 20_000_u64;
        let small = (0..sessions).filter(|s| pick(&weighted, mix(*s), seed) == Some((1, 5))).count();
        // 1000 expected, a standard deviation of 31: five of them.
        assert!((845..=1155).contains(&small), "{small}");
    }

    #[test]
    fn a_session_stays_when_others_come_and_go() {
        let all = [(0, 30), (1, 30), (2, 40)];
        for session in (0..1000).map(mix) {
            let (home, weight) = pick(&all, session, seed).unwrap();
            for gone in (0..3).filter(|gone| *gone != home) {
                let left: Vec<_> = all.iter().copied().filter(|(b, _)| *b != gone).collect();
                assert_eq!(pick(&left, session, seed), Some((home, weight)));
            }
        }
    }
}
