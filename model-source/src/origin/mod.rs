//! Where the files of a source are asked for, and as whom. A new kind of origin is a file here and an arm in [`origin`].
//!
//! Nothing here asks. Only signatures look at the clock: they are good for a while.

mod bucket;
mod hub;
mod web;

pub use bucket::Bucket;
pub use hub::{HUB, Hub};
pub use web::Web;

use crate::source::Source;
use url::Url;

/// The key of a Secret that has a token, unless the spec gives one.
const TOKEN_KEY: &str = "token";
/// The keys of a Secret with S3 credentials; the variables of the same names have them elsewhere.
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The region that S3 requests are signed for where nothing says another.
pub const DEFAULT_REGION: &str = "us-east-1";

/// What a file is asked for with. Not `Debug`: it has secrets.
#[derive(Clone)]
pub struct Request {
    /// Where.
    pub url: Url,
    /// A bearer token, for the origin of `url` alone.
    pub token: Option<String>,
    /// Further headers, for that origin alone. They are part of what is signed.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// A place that has the files of a source.
pub trait Origin: Send + Sync {
    /// The path there of the file that the source names; empty for a whole repository.
    fn file(&self) -> &str;

    /// What to ask for the file at `at`, now. A `revision` is the version to ask for where that is known better than
    /// the source names it.
    fn request(&self, at: &str, revision: Option<&str>) -> Request;
}

/// Which host is asked instead of the usual one, for which region.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The hub or the S3 API.
    pub endpoint: Option<&'a str>,
    /// The region that S3 requests are signed for.
    pub region: Option<&'a str>,
}

/// As whom files are asked for. Not `Debug`: it is secret.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Of a hub or a web server.
    pub token: Option<String>,
    /// S3's access key, with its secret.
    pub access_key: Option<(String, String)>,
    /// Beside temporary access keys.
    pub session_token: Option<String>,
}

impl Credentials {
    /// The credentials for `source` in a Secret whose values `value` gives; `key` is the token's, where the spec names
    /// it.
    ///
    /// # Errors
    /// The key that the Secret lacks.
    pub fn of_secret<'a>(
        source: &Source,
        key: Option<&'a str>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, &'a str> {
        let required = |key: &'a str| value(key).filter(|value| !value.is_empty()).ok_or(key);
        if matches!(source, Source::S3(_)) {
            return Ok(Self {
                token: None,
                access_key: Some((required(ACCESS_KEY_ID)?, required(SECRET_ACCESS_KEY)?)),
                session_token: value(SESSION_TOKEN).filter(|token| !token.is_empty()),
            });
        }
        Ok(Self { token: Some(required(key.unwrap_or(TOKEN_KEY))?), ..Self::default() })
    }

    /// S3's in the variables of an environment; without a key and its secret there are none.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let access_key = given(ACCESS_KEY_ID).zip(given(SECRET_ACCESS_KEY));
        Self { session_token: given(SESSION_TOKEN).filter(|_| access_key.is_some()), access_key, token: None }
    }
}

/// Why a source cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is mounted, not fetched.
    #[error("this source is mounted where it lies; there is nothing to fetch")]
    Mounted,
    /// The endpoint is none.
    #[error("spec.model.endpoint {0:?} is no http:// or https:// URL")]
    Endpoint(String),
    /// The bucket's name is none.
    #[error("{0:?} cannot be the name of a bucket")]
    Bucket(String),
    /// The URL is none.
    #[error("the URL of spec.model.source cannot be read: {0}")]
    Url(#[from] url::ParseError),
}

/// The place that a source names.
///
/// # Errors
/// If it is none that can be asked.
pub fn origin(
    source: &Source,
    place: Place<'_>,
    credentials: Credentials,
) -> Result<Box<dyn Origin>, OriginError> {
    Ok(match source {
        Source::HuggingFace(hub) => Box::new(Hub::new(hub.clone(), place.endpoint, credentials.token)?),
        Source::S3(object) => Box::new(Bucket::new(object, place, credentials)?),
        Source::Https(web) => Box::new(Web::new(web, credentials.token)?),
        Source::Oci(_) | Source::Pvc(_) | Source::File(_) => return Err(OriginError::Mounted),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    const SECRET: &str = "s3cret";

    fn asked(source: &str, endpoint: Option<&str>, at: Option<&str>) -> Request {
        let source = Source::parse(source).unwrap();
        let credentials = Credentials {
            token: Some("t0ken".to_owned()),
            access_key: Some(("AKEXAMPLE".to_owned(), SECRET.to_owned())),
            session_token: Some("temp0rary".to_owned()),
        };
        let origin = origin(&source, Place { endpoint, region: Some("eu-west-1") }, credentials).unwrap();
        origin.request(at.unwrap_or(origin.file()), None)
    }

    fn url(source: &str, endpoint: Option<&str>, at: Option<&str>) -> String {
        let mut url = asked(source, endpoint, at).url;
        if url.query().is_some_and(|query| query.contains("X-Amz-Signature")) {
            url.set_query(None);
        }
        url.into()
    }

    #[test]
    fn files_and_those_beside_them_have_urls() {
        let mirror = Some("https://mirror.example/hub/");
        for (source, endpoint, at, expected) in [
            ("hf://o/n/q4/m.gguf", None, None, "https://huggingface.co/o/n/resolve/main/q4/m.gguf"),
            (
                "hf://o/n/m.gguf@refs/pr/3",
                mirror,
                None,
                "https://mirror.example/hub/o/n/resolve/refs%2Fpr%2F3/m.gguf",
            ),
            ("hf://o/n/a.gguf", None, Some("b c.gguf"), "https://huggingface.co/o/n/resolve/main/b%20c.gguf"),
            ("s3://models/a/m.gguf", None, None, "https://models.s3.eu-west-1.amazonaws.com/a/m.gguf"),
            ("s3://models/a/m.gguf", Some("http://minio:9000"), None, "http://minio:9000/models/a/m.gguf"),
            (
                "s3://models/a/m.gguf",
                None,
                Some("a/n.gguf"),
                "https://models.s3.eu-west-1.amazonaws.com/a/n.gguf",
            ),
            ("https://h.example:8443/a/m.gguf?sig=1", None, None, "https://h.example:8443/a/m.gguf?sig=1"),
            ("https://h.example/a/m.gguf?sig=1", None, Some("n.gguf"), "https://h.example/a/n.gguf?sig=1"),
        ] {
            assert_eq!(url(source, endpoint, at), expected, "{source} {at:?}");
        }
    }

    #[test]
    fn a_known_commit_is_asked_for_instead_of_the_branch() {
        let source = Source::parse("hf://o/n/m.gguf@main").unwrap();
        let hub = origin(&source, Place::default(), Credentials::default()).unwrap();
        assert_eq!(hub.request("m.gguf", Some("c0ffee")).url.path(), "/o/n/resolve/c0ffee/m.gguf");
    }

    #[test]
    fn buckets_get_signatures_and_others_tokens() {
        let bucket = asked("s3://models/m.gguf", None, None);
        let query = bucket.url.query().unwrap();
        assert!(query.contains("X-Amz-Credential=AKEXAMPLE%2F") && query.contains("eu-west-1"), "{query}");
        assert!(query.contains("X-Amz-Security-Token=temp0rary") && !query.contains(SECRET), "{query}");
        assert_eq!(bucket.token, None);
        assert_eq!(asked("hf://o/n/m.gguf", None, None).token.as_deref(), Some("t0ken"));
        assert_eq!(asked("https://h/m.gguf", None, None).token.as_deref(), Some("t0ken"));
    }

    #[test]
    fn credentials_are_what_the_source_takes() {
        let of = |source: &str, key, keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            let value = |key: &str| keys.iter().find(|known| *known == key).cloned();
            Credentials::of_secret(&Source::parse(source).unwrap(), key, value)
                .map(|found| (found.token, found.access_key))
        };
        let token = |text: &str| Ok((Some(text.to_owned()), None));
        assert_eq!(of("hf://o/n/m.gguf", None, &["token"]), token("token"));
        assert_eq!(of("https://h/m.gguf", Some("t"), &["token", "t"]), token("t"));
        assert_eq!(of("hf://o/n/m.gguf", None, &["t"]), Err("token"));
        let pair = Some((ACCESS_KEY_ID.to_owned(), SECRET_ACCESS_KEY.to_owned()));
        assert_eq!(of("s3://b/m.gguf", None, &[ACCESS_KEY_ID, SECRET_ACCESS_KEY, "token"]), Ok((None, pair)));
        assert_eq!(of("s3://b/m.gguf", None, &[ACCESS_KEY_ID]), Err(SECRET_ACCESS_KEY));
    }

    #[test]
    fn half_a_key_in_the_environment_is_none() {
        let with = |names: &'static [&str]| {
            Credentials::of_environment(|name| names.contains(&name).then(|| name.to_owned()))
        };
        assert!(with(&[ACCESS_KEY_ID, SESSION_TOKEN]).session_token.is_none());
        assert!(with(&[ACCESS_KEY_ID, SECRET_ACCESS_KEY]).access_key.is_some());
    }

    #[test]
    fn what_is_mounted_has_no_origin() {
        let source = Source::parse("pvc://claim/m.gguf").unwrap();
        let error = origin(&source, Place::default(), Credentials::default()).map(drop);
        assert_eq!(error, Err(OriginError::Mounted));
    }
}
