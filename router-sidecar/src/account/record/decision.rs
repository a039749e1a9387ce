//! What was decided, for who asks.

use super::Record;
use crate::snapshot::BackendIndex;
use serde::Serialize;

/// A decision, as `x-flotilla-decision` shows it.
#[derive(Debug, Serialize)]
struct Decision<'a> {
    policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    targets: Vec<&'a str>,
    reasons: Vec<String>,
}

impl Record {
    /// The decision so far, as JSON.
    pub fn decision(&self) -> String {
        let name = |index: &BackendIndex| self.policy.backends.get(*index).map(|b| b.name.as_str());
        let decision = Decision {
            policy: &self.policy.name,
            rule: self.rule_name(),
            backend: self.backend().map(|b| b.name.as_str()),
            targets: self.targets.iter().filter_map(name).collect(),
            reasons: self.reasons_in_words(),
        };
        // Plain strings: serialising them into memory cannot fail.
        serde_json::to_string(&decision).unwrap_or_default()
    }

    pub(super) fn rule_name(&self) -> Option<&str> {
        match self.rule {
            Some(index) => self.policy.rules.get(index).map(|r| r.name.as_str()),
            None => (!self.targets.is_empty()).then_some("default"),
        }
    }

    pub(super) fn name(&self, backend: BackendIndex) -> &str {
        self.policy.backends.get(backend).map_or("?", |b| b.name.as_str())
    }
}
