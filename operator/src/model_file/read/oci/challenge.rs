//! What a registry asks for when it answers 401.

/// A `WWW-Authenticate` challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Fetch a token from `realm` first.
    Bearer {
        /// The token endpoint.
        realm: String,
        /// What the token is for.
        service: Option<String>,
    },
    /// Send user and password.
    Basic,
}

impl Challenge {
    /// Reads one header; a registry that offers both gets a token asked for.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (key, value) in Parameters(parameters) {
            match key.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// The `key="value"` pairs of a challenge; stops at what it does not understand.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, String);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = self.0.trim_start_matches([' ', ',']).split_once('=')?;
        let Some(quoted) = rest.strip_prefix('"') else {
            let (value, rest) = rest.split_once(',').unwrap_or((rest, ""));
            self.0 = rest;
            return Some((key.trim(), value.trim().to_owned()));
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = quoted.get(at + 1..).unwrap_or_default();
                    return Some((key.trim(), value));
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        None
    }
}

/// The query of a token request for pulling `repository`.
pub(super) fn token_query(service: Option<&str>, repository: &str) -> String {
    let scope = format!("scope={}", encode(&format!("repository:{repository}:pull")));
    match service {
        Some(service) => format!("service={}&{scope}", encode(service)),
        None => scope,
    }
}

/// Percent-encodes all but what a query may hold as it is.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (header, expected) in [
            (
                r#"Bearer realm="https://a.example/token",service="a.example",scope="x:y,z""#,
                bearer("https://a.example/token", Some("a.example")),
            ),
            (r#"bearer scope="a,b" , Realm="https://a.example/t""#, bearer("https://a.example/t", None)),
            (r#"Bearer realm="a\"b",service=plain"#, bearer("a\"b", Some("plain"))),
            (r#"Bearer service="no realm""#, None),
            (r#"Bearer realm="open"#, None),
            (r#"Basic realm="x""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(token_query(Some("a b&c"), "m/x"), "service=a%20b%26c&scope=repository:m/x:pull");
    }
}
