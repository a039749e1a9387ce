//! Which targets a request may go to, and in which order. Pure: a policy, facts and a draw in, a plan out.
//!
//! This is the only place where a target is chosen. The candidate set is narrowed once, by
//! [`candidates`], and every leg of the request comes from it.

mod candidates;
mod draws;
mod matching;
mod plan;
mod reason;
#[cfg(test)]
mod tests;

pub use draws::Draws;
pub use plan::{Plan, Refusal, RefusalKind, RuleIndex, plan};
pub use reason::Reason;

/// What routing knows about a request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Estimated length of the prompt.
    pub prompt_tokens: u32,
    /// The data classes it claims, in lower case.
    pub classes: &'a [String],
}
