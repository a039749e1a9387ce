//! The keys of clients, by their SHA-256: the router never holds the keys themselves.

use super::limiter::{Limiter, Limits};
use crate::account::ClientCounters;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// Where clients of other APIs put their key.
static KEY_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-api-key"), HeaderName::from_static("api-key")];

/// Who holds a key.
#[derive(Debug)]
pub struct Client {
    /// The name of the key; in records and metrics.
    pub name: String,
    /// What each client may do.
    pub limits: Limits,
    /// What it did.
    pub limiter: Arc<Limiter>,
    /// What its requests took.
    pub counters: ClientCounters,
}

/// All clients of one policy.
#[derive(Debug, Default)]
pub struct Clients(HashMap<[u8; 32], Arc<Client>>);

/// Why the keys of a policy are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a hash.
    #[error("clients.keys: sha256 of {0:?} must be 64 hexadecimal digits: printf %s KEY | sha256sum")]
    Hash(String),
    /// Two keys of one name, or one key of two names.
    #[error("clients.keys: {0:?} is there twice")]
    Twice(String),
}

impl Clients {
    /// Adds a client.
    ///
    /// # Errors
    /// The hash is none, or is there already.
    pub fn add(&mut self, sha256: &str, client: Client) -> Result<(), KeyError> {
        let hash = hash_of_hex(sha256).ok_or_else(|| KeyError::Hash(client.name.clone()))?;
        let name = client.name.clone();
        if self.0.contains_key(&hash) || self.0.values().any(|known| known.name == name) {
            return Err(KeyError::Twice(name));
        }
        self.0.insert(hash, Arc::new(client));
        Ok(())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.0.values()
    }

    /// The client whose key is in the headers. How long it takes says nothing about the keys: only hashes are compared.
    pub fn find(&self, headers: &HeaderMap) -> Option<&Arc<Client>> {
        let hash: [u8; 32] = Sha256::digest(key_of(headers)?).into();
        self.0.get(&hash)
    }
}

/// The key that a client gives.
fn key_of(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let bearer = bearer.and_then(|value| {
        let (scheme, key) = value.split_at_checked("bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    bearer.or_else(|| KEY_HEADERS.iter().find_map(|name| headers.get(name)).map(HeaderValue::as_bytes))
}

fn hash_of_hex(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes().as_chunks::<2>().0;
    let mut hash = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Metrics;

    fn client(name: &str) -> Client {
        let counters = Metrics::new().unwrap().clients.of("p", name, 0).unwrap();
        Client { name: name.to_owned(), limits: Limits::default(), limiter: Arc::default(), counters }
    }

    /// printf %s open-sesame | sha256sum
    const HASH: &str = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";

    #[test]
    fn a_key_is_found_wherever_clients_put_it() {
        let mut clients = Clients::default();
        clients.add(HASH, client("a")).unwrap();
        let found = |name: &'static str, value: &'static str| {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            clients.find(&headers).map(|client| client.name.clone())
        };
        for (name, value) in [
            ("authorization", "Bearer open-sesame"),
            ("authorization", "bearer open-sesame"),
            ("x-api-key", "open-sesame"),
            ("api-key", "open-sesame"),
        ] {
            assert_eq!(found(name, value).as_deref(), Some("a"), "{name}: {value}");
        }
        for (name, value) in [
            ("authorization", "open-sesame"),
            ("authorization", "Basic open-sesame"),
            ("authorization", "Bearer open-sesame "),
            ("authorization", "Bearer "),
            ("x-api-key", HASH),
            ("cookie", "open-sesame"),
        ] {
            assert_eq!(found(name, value), None, "{name}: {value}");
        }
    }

    #[test]
    fn wrong_hashes_and_doubles_are_refused() {
        let mut clients = Clients::default();
        for wrong in ["", "d7ec", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(clients.add(wrong, client("a")), Err(KeyError::Hash("a".to_owned())));
        }
        clients.add(&HASH.to_uppercase(), client("a")).unwrap();
        assert_eq!(clients.add(HASH, client("b")), Err(KeyError::Twice("b".to_owned())));
        assert_eq!(clients.add(&"0".repeat(64), client("a")), Err(KeyError::Twice("a".to_owned())));
    }
}
