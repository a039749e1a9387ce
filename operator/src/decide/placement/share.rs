//! How much of a shared device a replica asks for.

/// In percent. The driver keeps a part of a card for itself, and consumable capacity counts the whole: what is added so
/// that shares that add up to the card leave it its part. On every card of the catalogue it keeps less; a test compares.
const RESERVE_PERCENT: u64 = 7;

/// What a claim takes of a shared device for a program to have `required_mib`, in MiB.
pub fn share_request_mib(required_mib: u64) -> u64 {
    required_mib.saturating_add(required_mib.saturating_mul(RESERVE_PERCENT).div_ceil(100))
}

#[cfg(test)]
mod tests {
    use super::super::gpus;
    use super::*;

    #[test]
    fn shares_that_fill_a_card_leave_the_driver_its_part() {
        for gpu in gpus() {
            for sharers in 1..8 {
                let largest = (1..=gpu.memory_mib)
                    .rev()
                    .find(|need| share_request_mib(*need) * sharers <= gpu.memory_mib);
                assert!(largest.unwrap() * sharers <= gpu.usable_mib(), "{}, {sharers} shares", gpu.name);
            }
        }
    }
}
