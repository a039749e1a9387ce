//! The smallest card that fits is preferred, so that large cards stay free for what needs them.

/// A preference for nodes whose GPUs have less memory than `below_mib`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// In MiB, exclusive.
    pub below_mib: u64,
    /// 1 to 100, as the scheduler takes it.
    pub weight: i32,
}

/// Upper ends of the usual classes of cards, in MiB: 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96 and 144 GB
/// and a little, as drivers and nominal sizes differ by a few percent.
const CLASSES_MIB: [u64; 15] = [
    4_400, 6_600, 8_800, 10_800, 13_000, 17_000, 21_500, 25_500, 33_500, 42_000, 51_000, 67_000, 83_000,
    99_000, 147_000,
];

/// The classes of cards that there are many of: 8, 12, 16, 24, 32, 48 and 80 GB.
const COMMON_MIB: [u64; 7] = [8_800, 13_000, 17_000, 25_500, 33_500, 51_000, 83_000];

/// At most `most` classes of cards that may hold `required_mib`, by their upper ends in MiB, smallest first: all of them,
/// or where these are too many, the common ones.
pub fn card_classes(required_mib: u64, most: usize) -> Vec<u64> {
    let fitting = |classes: &[u64]| -> Vec<u64> {
        classes.iter().copied().filter(|below| *below > required_mib).collect()
    };
    let mut classes = fitting(&CLASSES_MIB);
    if classes.len() > most {
        classes = fitting(&COMMON_MIB);
    }
    classes.truncate(most);
    classes
}

/// Preferences that sum up to a larger score the smaller the card is.
///
/// They depend on the need alone and never on the nodes of the day: a node that comes or goes must not change
/// the pod template, as that would restart every replica. The tightest class weighs most, and weights halve
/// from there down to 1, so that one class of difference outweighs the scheduler's other scores.
pub fn prefer_small_cards(required_mib: u64) -> Vec<Preference> {
    let fitting = CLASSES_MIB.into_iter().filter(|below| *below > required_mib);
    let weights = std::iter::successors(Some(100), |weight| Some((weight / 2).max(1)));
    fitting.zip(weights).map(|(below_mib, weight)| Preference { below_mib, weight }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scheduler's score before it is normalised: the sum of the weights that hold.
    fn score(required_mib: u64, card_mib: u64) -> i32 {
        prefer_small_cards(required_mib).iter().filter(|p| card_mib < p.below_mib).map(|p| p.weight).sum()
    }

    #[test]
    fn smaller_cards_score_higher() {
        let cards = [12_288, 16_380, 24_564, 46_068, 81_559];
        for pair in cards.windows(2) {
            assert!(score(10_000, pair[0]) > score(10_000, pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn the_tightest_class_wins_by_more_than_half_of_the_scale() {
        // Other default scores reach 100 each; node affinity is multiplied by 2 after normalisation to 100.
        let (tight, next) = (score(14_336, 16_380), score(14_336, 24_564));
        assert!(f64::from(next) < 0.55 * f64::from(tight), "{next} of {tight}");
    }

    #[test]
    fn needs_beyond_every_class_have_no_preference() {
        assert!(prefer_small_cards(200_000).is_empty());
    }

    #[test]
    fn few_classes_still_tell_common_cards_apart() {
        for need in [600, 5_000, 10_000] {
            let classes = card_classes(need, 7);
            let first = |card: u64| classes.iter().position(|below| card < *below);
            let found: Vec<_> = [12_288, 16_380, 24_564, 46_068, 81_559].map(first).into();
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{need}: {found:?}");
        }
        assert_eq!(card_classes(30_000, 7).len(), 7, "all of them where they are few");
    }
}
