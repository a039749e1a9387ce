//! Registry credentials, as Kubernetes keeps them: a `.dockerconfigjson`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
pub const DOCKER_CONFIG_KEY: &str = ".dockerconfigjson";

/// User and password of one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Basic {
    user: String,
    password: String,
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic(hidden)")
    }
}

impl Basic {
    /// Credentials from their parts.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// As an Authorization header, marked so that no log shows it. None if it would not be a header.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let encoded = STANDARD.encode(format!("{}:{}", self.user, self.password));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A `.dockerconfigjson`; other keys of it are of no use here.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

/// The credentials that a `.dockerconfigjson` has for a registry; none if it has none or cannot be read.
///
/// Keys are matched by host and port; a scheme or path in a key, as older tools write them, is passed over.
pub fn credentials_for(docker_config: &[u8], registry: &str) -> Option<Basic> {
    let config: DockerConfig = serde_json::from_slice(docker_config).ok()?;
    let entry = config.auths.iter().find(|(key, _)| host_of(key) == registry)?.1;
    if let (Some(user), Some(password)) = (&entry.username, &entry.password) {
        return Some(Basic::new(user.as_str(), password.as_str()));
    }
    let decoded = String::from_utf8(STANDARD.decode(entry.auth.as_deref()?.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Basic::new(user, password))
}

fn host_of(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_by_host_in_each_form() {
        let auth = STANDARD.encode("ann:s3:cret");
        let config = format!(
            r#"{{"auths": {{"https://a.example/v1/": {{"auth": "{auth}"}}, "b.example:5000": {{"username": "bob", "password": "p"}}}}, "credHelpers": {{}}}}"#
        );
        let find = |registry| credentials_for(config.as_bytes(), registry);
        assert_eq!(find("a.example"), Some(Basic::new("ann", "s3:cret")));
        assert_eq!(find("b.example:5000"), Some(Basic::new("bob", "p")));
        assert_eq!(find("b.example"), None, "another port is another registry");
        assert_eq!(credentials_for(b"{", "a.example"), None);
    }

    #[test]
    fn passwords_are_not_printed() {
        let basic = Basic::new("ann", "secret");
        assert!(!format!("{basic:?} {:?}", basic.header()).contains("ann"), "{basic:?}");
    }
}
