//! Which targets a request may go to, and in which order. Pure: a policy, facts and a draw in, a plan out.
//!
//! This is the only place where a target is chosen. The candidate set is narrowed once, by
//! [`candidates`], and every leg of the request comes from it.

mod balance;
mod budget;
mod candidates;
mod dice;
mod draws;
mod ejection;
mod matching;
mod onward;
mod pace;
mod plan;
mod reason;
mod rendezvous;
mod resting;
mod spill;
#[cfg(test)]
mod tests;

pub use balance::{Ask, Memory, Prefix, choose};
pub use budget::{BudgetRules, RetryBudget};
pub use dice::Dice;
pub use draws::Draws;
pub use ejection::{EjectionRules, History, Standing};
pub use onward::Onward;
pub use pace::Pace;
pub use plan::{Plan, Refusal, RefusalKind, RuleIndex, plan};
pub use reason::Reason;

use crate::snapshot::BackendIndex;

/// What routing knows about a request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Estimated length of the prompt; of several inputs, of the longest.
    pub prompt_tokens: u32,
    /// The data classes it claims, in lower case.
    pub classes: &'a [String],
    /// The LoRA adapter that it asks for: only backends that have it can answer.
    pub adapter: Option<&'a str>,
    /// Names the session it belongs to, if it does: the requests of one stay together.
    pub session: Option<u64>,
    /// The backends that a budget cannot pay for now, each with the budget's place in the policy.
    pub unpaid: &'a [(BackendIndex, usize)],
}

/// The same number for the same bytes in every router: FNV-1a with its bits spread, since names differ in their last
/// characters more often than not.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    }))
}

/// Spreads the bits of a number over all of it (the finalizer of splitmix64).
pub(crate) const fn mix(number: u64) -> u64 {
    let z = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
