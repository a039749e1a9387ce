//! What a model's tokens cost on own GPUs, and what they would cost outside. Amounts are nano-dollars.

mod ledger;
mod price;
mod savings;
mod usage;

pub use ledger::Ledger;
pub use price::TokenPrice;
pub use savings::Savings;
pub use usage::{Economics, Usage};

/// Prices are per this many tokens.
const MILLION: u128 = 1_000_000;
