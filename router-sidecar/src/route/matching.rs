//! Whether a rule's condition holds.

use super::Facts;
use crate::snapshot::Rule;

/// All given parts must hold; a rule without conditions holds for every request.
pub(super) fn holds(rule: &Rule, facts: &Facts<'_>) -> bool {
    let class = rule.classes.is_empty() || facts.classes.iter().any(|c| rule.classes.contains(c));
    let length = rule.prompt_tokens.is_none_or(|range| {
        range.more_than.is_none_or(|above| facts.prompt_tokens > above)
            && range.at_most.is_none_or(|most| facts.prompt_tokens <= most)
    });
    class && length
}
