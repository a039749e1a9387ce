//! How the data classes of a request are found.

pub use crate::router_config::Detector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the data classes of a request are found: what its header says, and what is found in it.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.onDetect) || !has(self.detectors)")
        .message("spec.sensitivity.detectors find something, but it has no class: set onDetect, for example PHI"),
    validation = Rule::new("has(self.onDetect) || !has(self.patterns) || self.patterns.all(p, has(p.dataClass))")
        .message("a pattern of spec.sensitivity has no class: set its dataClass, or onDetect for all of them")
)]
pub struct SensitivitySpec {
    /// The request header that lists classes, separated by commas, in lower case. Default `x-data-class`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9][a-z0-9-]*$"))]
    pub header: Option<String>,
    /// Whether a class that no rule names is kept in the cluster. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_closed: Option<bool>,
    /// What is looked for in requests. docs/security-promises.md says what each can see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub detectors: Vec<Detector>,
    /// What else is looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub patterns: Vec<PatternSpec>,
    /// The class of a request in which something is found, for example PHI. A rule says what follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))]
    pub on_detect: Option<String>,
}

/// A pattern of the policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternSpec {
    /// Unique in the policy; named in decisions.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A regular expression in RE2's syntax. It is looked for in each string of the request; `\d`, `\w` and `\b` are
    /// those of ASCII. What is longer than 512 bytes may be missed.
    #[schemars(length(min = 1, max = 1024))]
    pub pattern: String,
    /// The class of a request that it is found in. Default: onDetect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))]
    pub data_class: Option<String>,
}
