//! What can be wrong with a config, each said so that its writer knows what to change.

use crate::access::KeyError;
use crate::classify::PatternError;
use flotilla_crds::router_config::{MoneyError, ROUTER_CONFIG_VERSION};

/// Why a config is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The document is neither YAML nor JSON of this shape.
    #[error("the config cannot be read: {0}")]
    Syntax(String),
    /// Another version of the document.
    #[error("version is {0:?}, but this router reads only {ROUTER_CONFIG_VERSION:?}")]
    Version(String),
    /// Two policies of one name.
    #[error("there are two policies named {0:?}: give each its own name")]
    DuplicatePolicy(String),
    /// A policy that nobody can ask for.
    #[error("policy {0:?} has no models: name at least one that clients ask for")]
    NoModels(String),
    /// Two policies claim one model.
    #[error("model {model:?} is claimed by policy {first:?} and by policy {second:?}: remove it from one")]
    DuplicateModel {
        /// The name claimed twice.
        model: String,
        /// The policy that comes first.
        first: String,
        /// The other one.
        second: String,
    },
    /// Something inside one policy.
    #[error("policy {policy:?}: {source}")]
    Policy {
        /// The policy's name.
        policy: String,
        /// What is wrong in it.
        source: PolicyError,
    },
    /// The router's own metrics refused a label; a fault of the router, not of the config.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What can be wrong inside one policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The router's own metrics refused a label; a fault of the router, not of the config.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Two backends of one name.
    #[error("there are two backends named {0:?}: give each its own name")]
    DuplicateBackend(String),
    /// Two rules of one name.
    #[error("there are two rules named {0:?}: give each its own name")]
    DuplicateRule(String),
    /// `default` is what decisions call the route without a rule.
    #[error("a rule cannot be named \"default\": that is the name of the route that no rule gives")]
    ReservedRule,
    /// A range that no prompt is in.
    #[error("rule {rule:?}: promptTokens needs moreThan, atMost, or both with moreThan below atMost")]
    EmptyRange {
        /// The rule's name.
        rule: String,
    },
    /// A route without a target.
    #[error("{route}: the weights sum to zero: give at least one backend a weight above 0")]
    NoWeight {
        /// `default`, or the rule's name.
        route: String,
    },
    /// A name that no backend has.
    #[error("{route}: there is no backend named {name:?} in this policy; there are {known}")]
    UnknownBackend {
        /// `default`, or the rule's name.
        route: String,
        /// The name used.
        name: String,
        /// The names there are.
        known: String,
    },
    /// One backend twice in one list.
    #[error("{route}: backend {name:?} is listed twice: add its weights, or remove one")]
    RepeatedBackend {
        /// `default`, or the rule's name.
        route: String,
        /// The backend's name.
        name: String,
    },
    /// A header name that HTTP has no room for.
    #[error("sensitivity.header {0:?} is no header name: use lower-case letters, digits and dashes")]
    Header(String),
    /// What is found has no class.
    #[error("sensitivity: what is found has no class: set onDetect, or dataClass in each pattern")]
    NoClass,
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A limit that lets nothing through.
    #[error("clients.limits.{0} is 0: give a number above 0, or leave it out")]
    ZeroLimit(&'static str),
    /// A budget that cannot be kept.
    #[error("budget {budget:?}: {message}")]
    Budget {
        /// Its name.
        budget: String,
        /// What is wrong with it.
        message: String,
    },
    /// A pattern that cannot be used.
    #[error("sensitivity.patterns: {0}")]
    Pattern(#[from] PatternError),
    /// A deadline of zero would fail every request.
    #[error("timeouts.{0} is 0: give a number of milliseconds above 0")]
    ZeroTimeout(&'static str),
    /// Something inside one backend.
    #[error("backend {backend:?}: {source}")]
    Backend {
        /// The backend's name.
        backend: String,
        /// What is wrong in it.
        source: BackendError,
    },
}

/// What can be wrong with one backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The name goes into a response header.
    #[error("its name holds characters that a header cannot: use letters, digits and dashes")]
    Name,
    /// No address, and no provider that has one.
    #[error("baseUrl is missing: give it, or name the provider (OpenAI, Anthropic, DeepSeek, Mistral)")]
    NoBaseUrl,
    /// Not an address with scheme and host.
    #[error("baseUrl {0:?} is no absolute address: write it like \"https://host/v1\"")]
    BaseUrl(String),
    /// A scheme that the router does not speak.
    #[error("baseUrl {url:?} has scheme {scheme:?}: use https, or http inside a trusted network")]
    Scheme {
        /// The address as given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// A query would swallow the path that the router appends; a user name would be a hidden credential.
    #[error("baseUrl has a query or a user name: give the plain base, and the key by credentials")]
    BaseUrlExtras,
    /// Not `ip:port`.
    #[error("endpoint address {0:?} is not ip:port")]
    Endpoint(String),
    /// The variable is missing or empty.
    #[error("credentials.env: the environment variable {0:?} is not set or empty")]
    CredentialEnv(String),
    /// The file cannot be read.
    #[error("credentials.file: {path:?} cannot be read: {source}")]
    CredentialFile {
        /// The path as given.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The key is empty or holds a line break or the like. The key itself is never shown.
    #[error("the key is empty or holds characters that a header cannot: check for line breaks inside it")]
    CredentialValue,
    /// What is too much for it has nowhere to go.
    #[error("spill.backend {0:?} is no other backend of this policy")]
    SpillTarget(String),
    /// A share that is none.
    #[error("spill.percent is {0}: give a number from 1 to 100, or leave spill out")]
    SpillPercent(u8),
    /// A bound that lets nothing through.
    #[error("concurrency.maxRequests is 0: give a number above 0, or mark the backend as unavailable")]
    NoRequests,
    /// A price that is no decimal string.
    #[error("pricing.{field}: {source}")]
    Price {
        /// `input` or `output`.
        field: &'static str,
        /// What is wrong with it.
        source: MoneyError,
    },
}
