//! Who may use a policy, and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The clients of a policy: those with one of these keys, and no others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Clients {
    /// The keys. None: nobody.
    #[serde(default)]
    pub keys: Vec<ClientKey>,
    /// What each of them may do in a minute. Every router counts by itself.
    #[serde(default, skip_serializing_if = "super::resilience::is_default")]
    pub limits: ClientLimits,
}

/// One client's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientKey {
    /// Whose it is; in decision records and metrics. Unique in the policy.
    pub name: String,
    /// The SHA-256 of the key in hexadecimal digits: `printf %s KEY | sha256sum`. Routers never hold the key.
    pub sha256: String,
}

impl ClientKey {
    /// A client's key, by its hash.
    pub fn new(name: impl Into<String>, key: &str) -> Self {
        let digits = Sha256::digest(key).iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Self { name: name.into(), sha256: digits }
    }
}

/// What one client may do in a minute. What is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ClientLimits {
    /// Requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens of prompts and answers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
}
