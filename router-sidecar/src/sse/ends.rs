//! Which choices of a stream have ended.

use super::chunk::Chunk;
use super::inspect::{data_of, ends_a_choice};

/// Choices that are told apart; APIs make fewer.
const CHOICES: u32 = u128::BITS;

/// The choices that are to be given, and those that have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    asked: u32,
    /// A bit for each.
    ended: u128,
}

impl Ends {
    /// None of so many has ended.
    pub(super) fn of(asked: u32) -> Self {
        Self { asked: asked.min(CHOICES), ended: 0 }
    }

    /// Takes a chunk's event; true if it ends the last of them. The chunks of one choice alone need not be parsed, and of
    /// several only those in which one ends.
    pub(super) fn add(&mut self, event: &[u8]) -> bool {
        if !ends_a_choice(event) {
            return false;
        }
        if self.asked <= 1 {
            return true;
        }
        if let Some(Ok(Chunk { choices })) = data_of(event).map(serde_json::from_slice) {
            // A target may say the same twice.
            let ended = choices.iter().filter(|choice| choice.finish_reason.is_some());
            let bits = ended.filter_map(|choice| 1_u128.checked_shl(choice.index));
            self.ended |= bits.fold(0, |all, bit| all | bit);
        }
        self.ended.count_ones() >= self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(choices: &[(u32, &str)]) -> Vec<u8> {
        let each = choices
            .iter()
            .map(|(index, reason)| format!(r#"{{"index":{index},"delta":{{}},"finish_reason":{reason}}}"#));
        format!("data: {{\"choices\":[{}]}}\n\n", each.collect::<Vec<_>>().join(",")).into_bytes()
    }

    #[test]
    fn all_have_ended_when_each_has_once() {
        let mut two = Ends::of(2);
        assert!(!two.add(&ends(&[(0, "null")])));
        assert!(!two.add(&ends(&[(1, "\"stop\"")])));
        assert!(!two.add(&ends(&[(1, "\"stop\"")])), "the same one again");
        assert!(!two.add(br#"data: {"choices":[{"index":0,"finish_reason":"stop""#));
        assert!(two.add(&ends(&[(0, "\"length\"")])));
        assert!(Ends::of(2).add(&ends(&[(0, "\"stop\""), (1, "\"stop\"")])), "in one chunk");
        assert!(Ends::of(1).add(&ends(&[(0, "\"stop\"")])));
        assert!(!Ends::of(1).add(&ends(&[(0, "null")])));
        for goes_on in ["\"\"", "\"null\""] {
            assert!(!Ends::of(1).add(&ends(&[(0, goes_on)])), "{goes_on}");
            let mut two = Ends::of(2);
            assert!(!two.add(&ends(&[(0, goes_on), (1, "\"stop\"")])), "{goes_on}");
            assert!(two.add(&ends(&[(0, "\"nullified\""), (1, goes_on)])), "{goes_on}");
        }
        let mut last = Ends::of(2);
        last.add(&ends(&[(0, "\"stop\"")]));
        assert!(last.add(br#"data: {"choices":[{"index":1,"delta":null,"finish_reason":"stop"}]}"#));
    }

    #[test]
    fn what_a_target_makes_up_ends_nothing() {
        let mut many = Ends::of(u32::MAX);
        assert!((0..1000).all(|index| !many.add(&ends(&[(index, "\"stop\"")])) || index >= 127));
        let mut two = Ends::of(2);
        assert!(!two.add(&ends(&[(u32::MAX, "\"stop\""), (0, "\"stop\"")])));
    }
}
