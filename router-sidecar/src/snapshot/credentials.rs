//! From where a key is kept to the header that carries it.

use super::error::BackendError;
use crate::dialect::Dialect;
use flotilla_crds::router_config::Credentials;
use http::{HeaderName, HeaderValue};

/// Reads the key and builds the header that the dialect has it in, marked sensitive so that no layer prints it.
pub(super) fn header(
    dialect: &Dialect,
    credentials: &Credentials,
) -> Result<(HeaderName, HeaderValue), BackendError> {
    match credentials {
        Credentials::ApiKey(secret) => with_key(dialect, secret.reveal()),
        Credentials::Env(name) => match std::env::var(name) {
            Ok(key) if !key.is_empty() => with_key(dialect, &key),
            _ => Err(BackendError::CredentialEnv(name.clone())),
        },
        Credentials::File(path) => {
            let key = std::fs::read_to_string(path)
                .map_err(|source| BackendError::CredentialFile { path: path.clone(), source })?;
            with_key(dialect, &key)
        }
    }
}

fn with_key(dialect: &Dialect, key: &str) -> Result<(HeaderName, HeaderValue), BackendError> {
    // Files and Secrets made by hand end with a line break more often than not.
    let key = key.trim();
    if key.is_empty() {
        return Err(BackendError::CredentialValue);
    }
    dialect.key_header(key).ok_or(BackendError::CredentialValue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect;
    use flotilla_crds::router_config::{Provider, Secret};

    fn header(
        provider: Provider,
        credentials: &Credentials,
    ) -> Result<(HeaderName, HeaderValue), BackendError> {
        super::header(dialect::of(provider), credentials)
    }

    #[test]
    fn a_key_becomes_the_header_of_its_dialect_that_debug_does_not_show() {
        for (provider, expected) in [
            (Provider::OpenAI, ("authorization", "Bearer sk-1")),
            (Provider::Mistral, ("authorization", "Bearer sk-1")),
            (Provider::Anthropic, ("x-api-key", "sk-1")),
        ] {
            let (name, value) = header(provider, &Credentials::ApiKey(Secret::new("sk-1\n"))).unwrap();
            assert_eq!((name.as_str(), value.to_str().unwrap()), expected);
            assert!(!format!("{value:?}").contains("sk-1"));
        }
    }

    #[test]
    fn unusable_keys_are_refused_without_showing_them() {
        let of = |credentials| header(Provider::Anthropic, &credentials);
        for key in ["", " \n", "sk-1\nx-evil: 1"] {
            let error = of(Credentials::ApiKey(Secret::new(key))).unwrap_err();
            assert!(!error.to_string().contains("sk-1"), "{error}");
        }
        assert!(of(Credentials::Env("FLOTILLA_NO_SUCH_KEY".into())).is_err());
        assert!(of(Credentials::File("/no/such/key".into())).is_err());
    }
}
