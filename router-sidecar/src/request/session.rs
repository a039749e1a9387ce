//! The session that a request belongs to.

use crate::route::hash;
use http::{HeaderMap, HeaderName};

/// Names the session; what the name means is the client's own affair.
const SESSION: HeaderName = HeaderName::from_static("x-session-id");

/// A number for the session named in the headers; the same name gives the same number in every router.
pub fn session(headers: &HeaderMap) -> Option<u64> {
    let name = headers.get(&SESSION)?.as_bytes();
    (!name.is_empty()).then(|| hash(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_name_gives_a_number_and_no_name_gives_none() {
        let of =
            |name: &'static str| session(&HeaderMap::from_iter([(SESSION, HeaderValue::from_static(name))]));
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!((of(""), session(&HeaderMap::new())), (None, None));
    }
}
