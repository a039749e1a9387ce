//! Checks AWS Signature Version 4 in the query of a GET, as S3 does.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
//!
//! By its own code: what signs in Flotilla is a library, and a mistake of it would check itself.

use flotilla_model_source::hex;
use http::{HeaderMap, Uri};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Bytes that SHA-256 takes at once.
const BLOCK: usize = 64;
/// The longest that a signature may be good for: a week.
const LONGEST: i64 = 7 * 24 * 3600;

/// The credentials that requests must be signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its name, which is sent.
    pub id: String,
    /// Its secret, which is not.
    pub secret: String,
}

/// Why a request is refused, by the codes of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not signed, or its signature is too old.
    AccessDenied,
    /// Nobody knows the key.
    InvalidAccessKeyId,
    /// A parameter of the signature is missing, or is none.
    AuthorizationQueryParametersError,
    /// Another secret signed it, or another request was signed.
    SignatureDoesNotMatch,
}

impl Refusal {
    /// The answer's body.
    pub(super) fn body(self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{self:?}</Code></Error>")
    }
}

/// Whether a GET of `uri` with these headers is signed with `key`, and not too long ago.
pub(super) fn check(key: &AccessKey, uri: &Uri, headers: &HeaderMap, now: Timestamp) -> Result<(), Refusal> {
    let mut parameters = parameters(uri.query().unwrap_or_default());
    let signed = parameters.iter().position(|(name, _)| name == "X-Amz-Signature");
    let (_, signature) = parameters.remove(signed.ok_or(Refusal::AccessDenied)?);
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).ok_or(Refusal::AuthorizationQueryParametersError)
    };
    let malformed = || Refusal::AuthorizationQueryParametersError;
    let (date, names) = (parameter("X-Amz-Date")?, parameter("X-Amz-SignedHeaders")?);
    let (id, scope) = parameter("X-Amz-Credential")?.split_once('/').ok_or_else(malformed)?;
    let parts: Vec<_> = scope.split('/').collect();
    let &[day, _region, "s3", "aws4_request"] = parts.as_slice() else { return Err(malformed()) };
    if parameter("X-Amz-Algorithm")? != ALGORITHM
        || !date.starts_with(day)
        || !names.split(';').any(|n| n == "host")
    {
        return Err(malformed());
    }
    if id != key.id {
        return Err(Refusal::InvalidAccessKeyId);
    }
    let begins = begins(date).ok_or_else(malformed)?;
    let good_for: i64 = parameter("X-Amz-Expires")?.parse().map_err(|_| malformed())?;
    if !(1..=LONGEST).contains(&good_for) {
        return Err(malformed());
    }
    if now > begins + SignedDuration::from_secs(good_for) {
        return Err(Refusal::AccessDenied);
    }
    let request = canonical(uri.path(), &parameters, headers, names);
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let first = hmac(format!("AWS4{}", key.secret).as_bytes(), day.as_bytes());
    let derived = parts[1..].iter().fold(first, |key, part| hmac(&key, part.as_bytes()));
    let right = hex(&hmac(&derived, text.as_bytes()));
    if right == signature { Ok(()) } else { Err(Refusal::SignatureDoesNotMatch) }
}

/// What is signed of a request, one thing on a line.
fn canonical(path: &str, parameters: &[(String, String)], headers: &HeaderMap, names: &str) -> String {
    let mut query: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    query.sort_unstable();
    let mut lines = format!("GET\n{path}\n{}\n", query.join("&"));
    for name in names.split(';') {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let _ = writeln!(lines, "{name}:{}", value.trim());
    }
    lines + "\n" + names + "\nUNSIGNED-PAYLOAD"
}

fn begins(date: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    TimeZone::UTC.to_timestamp(date).ok()
}

/// Names and values of a query, decoded.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Without `%XX`.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// HMAC-SHA256. RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    /// The example of the S3 documentation, at the URL above.
    const EXAMPLE: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

    fn checked(uri: &str, id: &str, secret: &str, at: &str) -> Result<(), Refusal> {
        let key = AccessKey { id: id.to_owned(), secret: secret.to_owned() };
        let host = (http::header::HOST, "examplebucket.s3.amazonaws.com".parse().unwrap());
        check(&key, &uri.parse().unwrap(), &HeaderMap::from_iter([host]), at.parse().unwrap())
    }

    #[test]
    fn the_documentations_example_is_taken_and_nothing_near_it() {
        let (id, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let (on_time, late) = ("2013-05-24T12:00:00Z", "2013-05-25T00:00:01Z");
        assert_eq!(checked(EXAMPLE, id, secret, on_time), Ok(()));
        assert_eq!(checked(EXAMPLE, id, secret, late), Err(Refusal::AccessDenied));
        assert_eq!(checked("/test.txt", id, secret, on_time), Err(Refusal::AccessDenied));
        assert_eq!(checked(EXAMPLE, "AKOTHER", secret, on_time), Err(Refusal::InvalidAccessKeyId));
        assert_eq!(checked(EXAMPLE, id, "other", on_time), Err(Refusal::SignatureDoesNotMatch));
        for (from, to) in
            [("test.txt", "text.txt"), ("us-east-1", "eu-west-1"), ("=86400", "=86401"), ("404", "405")]
        {
            let other = EXAMPLE.replace(from, to);
            assert_eq!(checked(&other, id, secret, on_time), Err(Refusal::SignatureDoesNotMatch), "{to}");
        }
        let cut = EXAMPLE.replace("&X-Amz-Date=20130524T000000Z", "");
        assert_eq!(checked(&cut, id, secret, on_time), Err(Refusal::AuthorizationQueryParametersError));
    }

    #[test]
    fn keyed_hashes_are_those_of_the_standard() {
        // RFC 4231, case 2; case 6 has a key longer than a block.
        let case2 = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&case2), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let case6 = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(&case6), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
}
