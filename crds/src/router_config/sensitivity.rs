//! How the data classes of a request are found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The header that carries a request's data classes unless a policy names another.
pub const DEFAULT_CLASS_HEADER: &str = "x-data-class";

/// How the data classes of a request are found: what its header says, and what is found in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Sensitivity {
    /// Lower-case name of the request header that lists classes, separated by commas.
    pub header: String,
    /// Whether a class that no rule of the policy names is kept in the cluster.
    pub fail_closed: bool,
    /// What is looked for in requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<Detector>,
    /// What else is looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<Pattern>,
    /// The class of a request in which something is found. Needed with detectors, and with patterns that have no
    /// class of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_detect: Option<String>,
}

impl Default for Sensitivity {
    fn default() -> Self {
        Self {
            header: DEFAULT_CLASS_HEADER.to_owned(),
            fail_closed: true,
            detectors: Vec::new(),
            patterns: Vec::new(),
            on_detect: None,
        }
    }
}

/// A kind of data that routers recognise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Detector {
    /// US Social Security numbers.
    SSN,
    /// Payment card numbers, with their check digit.
    CreditCard,
    /// International bank account numbers, with their check digits.
    IBAN,
    /// Medical record numbers, where the text calls them so.
    MRN,
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// ICD-10 codes, where the text speaks of diagnoses.
    ICD10,
}

impl Detector {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::SSN, Self::CreditCard, Self::IBAN, Self::MRN, Self::Email, Self::Phone, Self::ICD10];

    /// The name, as in a policy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SSN => "SSN",
            Self::CreditCard => "CreditCard",
            Self::IBAN => "IBAN",
            Self::MRN => "MRN",
            Self::Email => "Email",
            Self::Phone => "Phone",
            Self::ICD10 => "ICD10",
        }
    }
}

/// A pattern of the policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pattern {
    /// Unique in the policy; named in decisions.
    pub name: String,
    /// A regular expression in RE2's syntax. It is looked for in each string of the request; `\d`, `\w` and `\b` are
    /// those of ASCII. What is longer than 512 bytes may be missed.
    pub pattern: String,
    /// The class of a request that it is found in. Default: `onDetect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_class: Option<String>,
}
