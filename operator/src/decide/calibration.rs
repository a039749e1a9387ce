//! What starts of an engine teach about the estimate: observed over estimated memory for each engine version,
//! architecture and GPU, remembered in the object's own status.
//!
//! A correction is the largest over the GPUs that were seen, since the next card is not chosen yet, and entries do
//! not go when a replica moves: otherwise a correction could send a replica from card to card for ever.

use flotilla_crds::model_deployment::Correction;

/// Starts that must agree before a correction is offered.
pub const LEAST_STARTS: i32 = 2;
/// Entries that are remembered; the one that was not seen for longest goes.
pub const MOST_CORRECTIONS: usize = 8;
/// A correction never shrinks the estimate by more than a tenth, in thousandths.
const SMALLEST: u64 = 900;
/// Nor does it add more than a quarter: beyond, the estimate is wrong and somebody has to look.
const LARGEST: u64 = 1250;
/// Starts that the mean remembers, so that it follows a change.
const WINDOW: u64 = 8;

/// Which starts are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The engine's build.
    pub engine_version: String,
    /// The model's architecture.
    pub architecture: String,
    /// The GPU's product.
    pub gpu: String,
}

/// Adds one start to what is known; the entry that it belongs to becomes the last. A start without an estimate
/// teaches nothing.
pub fn learn(mut known: Vec<Correction>, key: Key, observed: u64, estimated: u64) -> Vec<Correction> {
    let Some(new) = observed.saturating_mul(1000).saturating_add(estimated / 2).checked_div(estimated) else {
        return known;
    };
    let at = known.iter().position(|entry| {
        (&entry.engine_version, &entry.architecture, &entry.gpu)
            == (&key.engine_version, &key.architecture, &key.gpu)
    });
    let before = at.map(|at| known.remove(at));
    let (mean, starts) = match before.and_then(|entry| Some((thousandths(&entry.ratio)?, entry.starts))) {
        Some((mean, starts)) => {
            let weight = u64::try_from(starts).unwrap_or(0).min(WINDOW - 1);
            let sum = mean.saturating_mul(weight).saturating_add(new);
            (sum / (weight + 1), starts.saturating_add(1))
        }
        None => (new, 1),
    };
    let Key { engine_version, architecture, gpu } = key;
    let ratio = format!("{}.{:03}", mean / 1000, mean % 1000);
    known.push(Correction { engine_version, architecture, gpu, ratio, starts });
    let surplus = known.len().saturating_sub(MOST_CORRECTIONS);
    known.drain(..surplus);
    known
}

/// The correction of the engine version and architecture that were seen last, in thousandths of the estimate and
/// rounded up to a whole percent, so that noise restarts nobody. None before enough starts agree.
pub fn correction(known: &[Correction]) -> Option<u64> {
    let last = known.last()?;
    let same = known.iter().filter(|entry| {
        entry.starts >= LEAST_STARTS
            && entry.engine_version == last.engine_version
            && entry.architecture == last.architecture
    });
    let largest = same.filter_map(|entry| thousandths(&entry.ratio)).max()?;
    Some(largest.next_multiple_of(10).clamp(SMALLEST, LARGEST))
}

/// What the correction is, or would be.
pub fn message(known: &[Correction], used: bool) -> String {
    let starts = known.last().map_or(0, |entry| entry.starts);
    match (correction(known), used) {
        (None, _) => format!("{starts} of {LEAST_STARTS} starts seen that a correction needs"),
        (Some(thousandths), true) => format!("the estimate is corrected by {}", percent(thousandths)),
        (Some(thousandths), false) => format!(
            "the estimate would be corrected by {}: set spec.placement.calibration to On to use it",
            percent(thousandths)
        ),
    }
}

fn percent(thousandths: u64) -> String {
    let sign = if thousandths < 1000 { '-' } else { '+' };
    format!("{sign}{} %", thousandths.abs_diff(1000) / 10)
}

/// Reads "1.031". What somebody else wrote into a status may be anything.
fn thousandths(ratio: &str) -> Option<u64> {
    let (whole, fraction) = ratio.split_once('.')?;
    let (whole, thousandths): (u64, u64) = (whole.parse().ok()?, fraction.parse().ok()?);
    (fraction.len() == 3).then_some(whole.checked_mul(1000)?.checked_add(thousandths)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(gpu: &str) -> Key {
        Key { engine_version: "b1".to_owned(), architecture: "llama".to_owned(), gpu: gpu.to_owned() }
    }

    fn starts(observed: &[(&str, u64)]) -> Vec<Correction> {
        observed.iter().fold(Vec::new(), |known, (gpu, observed)| learn(known, key(gpu), *observed, 1000))
    }

    #[test]
    fn two_starts_agree_on_a_correction() {
        let known = starts(&[("A", 1031)]);
        assert_eq!((known[0].ratio.as_str(), correction(&known)), ("1.031", None));
        assert_eq!(message(&known, false), "1 of 2 starts seen that a correction needs");
        let known = starts(&[("A", 1031), ("A", 1021)]);
        assert_eq!((known[0].ratio.as_str(), known[0].starts), ("1.026", 2));
        assert_eq!(correction(&known), Some(1030));
        assert!(message(&known, false).contains("would be corrected by +3 %"));
        assert_eq!(message(&known, true), "the estimate is corrected by +3 %");
    }

    #[test]
    fn corrections_are_bounded() {
        assert_eq!(correction(&starts(&[("A", 9000), ("A", 9000)])), Some(1250));
        let low = starts(&[("A", 10), ("A", 10)]);
        assert_eq!(correction(&low), Some(900));
        assert!(message(&low, true).contains("-10 %"));
        assert_eq!(correction(&starts(&[("A", u64::MAX), ("A", u64::MAX)])), Some(1250));
        assert!(learn(Vec::new(), key("A"), 1, 0).is_empty(), "no estimate, nothing learnt");
    }

    #[test]
    fn the_largest_over_cards_counts_and_stays_when_a_replica_moves() {
        let known = starts(&[("A", 1100), ("A", 1100), ("B", 1000)]);
        assert_eq!(correction(&known), Some(1100), "one start on B says nothing yet");
        let known = starts(&[("A", 1100), ("A", 1100), ("B", 1000), ("B", 1000)]);
        assert_eq!(correction(&known), Some(1100));
    }

    #[test]
    fn another_engine_version_starts_anew() {
        let mut known = starts(&[("A", 1100), ("A", 1100)]);
        known = learn(known, Key { engine_version: "b2".to_owned(), ..key("A") }, 1000, 1000);
        assert_eq!(correction(&known), None);
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_was_seen_last() {
        let cards: Vec<_> = (0..20).map(|card| format!("card {card}")).collect();
        let known = starts(&cards.iter().map(|card| (card.as_str(), 1000)).collect::<Vec<_>>());
        assert_eq!(known.len(), MOST_CORRECTIONS);
        assert_eq!(known.last().map(|entry| entry.gpu.as_str()), Some("card 19"));
    }

    #[test]
    fn the_mean_follows_a_change_and_survives_a_strange_status() {
        let mut seen = vec![("A", 1000); 100];
        seen.extend([("A", 1200); 40]);
        assert_eq!(correction(&starts(&seen)), Some(1200));
        let mut known = starts(&[("A", 1100), ("A", 1100)]);
        for strange in ["", "1", "x.y", "1.0", "99999999999999999999.000", "-1.000"] {
            strange.clone_into(&mut known[0].ratio);
            assert_eq!(correction(&known), None, "{strange}");
        }
    }
}
