//! From where a key is kept to the header that carries it.

use super::error::BackendError;
use flotilla_crds::router_config::Credentials;
use http::HeaderValue;

/// Reads the key and builds `authorization: Bearer …`, marked sensitive so that no layer prints it.
pub(super) fn authorization(credentials: &Credentials) -> Result<HeaderValue, BackendError> {
    match credentials {
        Credentials::ApiKey(secret) => bearer(secret.reveal()),
        Credentials::Env(name) => match std::env::var(name) {
            Ok(key) if !key.is_empty() => bearer(&key),
            _ => Err(BackendError::CredentialEnv(name.clone())),
        },
        Credentials::File(path) => {
            let key = std::fs::read_to_string(path)
                .map_err(|source| BackendError::CredentialFile { path: path.clone(), source })?;
            bearer(&key)
        }
    }
}

fn bearer(key: &str) -> Result<HeaderValue, BackendError> {
    // Files and Secrets made by hand end with a line break more often than not.
    let key = key.trim();
    if key.is_empty() {
        return Err(BackendError::CredentialValue);
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| BackendError::CredentialValue)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flotilla_crds::router_config::Secret;

    #[test]
    fn a_key_becomes_a_bearer_header_that_debug_does_not_show() {
        let header = authorization(&Credentials::ApiKey(Secret::new("sk-1\n"))).unwrap();
        assert_eq!(header.as_bytes(), b"Bearer sk-1");
        assert!(!format!("{header:?}").contains("sk-1"));
    }

    #[test]
    fn unusable_keys_are_refused_without_showing_them() {
        for key in ["", " \n", "sk-1\nx-evil: 1"] {
            let error = authorization(&Credentials::ApiKey(Secret::new(key))).unwrap_err();
            assert!(!error.to_string().contains("sk-1"), "{error}");
        }
        assert!(authorization(&Credentials::Env("FLOTILLA_NO_SUCH_KEY".into())).is_err());
        assert!(authorization(&Credentials::File("/no/such/key".into())).is_err());
    }
}
