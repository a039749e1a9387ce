//! Following redirects, as from a model hub to its storage.

use super::client::Response;
use super::version::Version;
use super::{HttpsFile, ReadError};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, StatusCode, Uri, header};
use http_body_util::Empty;

/// A hub sends to its storage in one or two steps.
const MAX_REDIRECTS: usize = 5;

/// Asks for `range` of the file and follows redirects to the first other answer, with the version that was told on the
/// way.
pub(super) async fn follow(file: &HttpsFile, range: &str) -> Result<(Response, Version), ReadError> {
    let mut url = file.url.clone();
    let mut version = Version::default();
    for _ in 0..=MAX_REDIRECTS {
        let host = url.host().unwrap_or_default();
        if let Some(why) = file.client.hosts.refuses(host) {
            return Err(file.internal(&format!("{host} is refused: {why}")));
        }
        let mut request = Request::get(url.clone())
            .header(header::RANGE, range)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("flotilla/", env!("CARGO_PKG_VERSION")));
        if same_origin(&url, &file.url) {
            for (name, value) in &file.headers {
                request = request.header(*name, *value);
            }
            if let Some(token) = &file.token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
        }
        let request = request.body(Empty::<Bytes>::new());
        let request =
            request.map_err(|_| file.answer("the token or a redirect holds characters of no header"))?;
        let response = file.client.http.request(request).await.map_err(|error| file.unreachable(&error))?;
        version.learn(response.headers());
        if !is_redirect(response.status()) {
            return Ok((response, version));
        }
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let next = location.and_then(|location| resolve(&url, location));
        url = next.ok_or_else(|| file.answer("a redirect to no http or https URL"))?;
        if file.url.scheme() == Some(&Scheme::HTTPS) && url.scheme() != Some(&Scheme::HTTPS) {
            return Err(file.answer("a redirect from https to http"));
        }
    }
    Err(file.answer(&format!("more than {MAX_REDIRECTS} redirects")))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn same_origin(a: &Uri, b: &Uri) -> bool {
    (a.scheme(), a.authority()) == (b.scheme(), b.authority())
}

/// The URL that `location` means in an answer from `base`: a URL, one without scheme, or a path.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next()?;
    let scheme = base.scheme()?.clone();
    let with = |scheme: Scheme, authority: Authority, path: &str| {
        let path = PathAndQuery::try_from(path).ok()?;
        Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build().ok()
    };
    if let Some(rest) = location.strip_prefix("//") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return with(scheme, authority.parse().ok()?, if path.is_empty() { "/" } else { path });
    }
    if location.contains("://") && !location.starts_with('/') {
        let url: Uri = location.parse().ok()?;
        return matches!(url.scheme_str(), Some("http" | "https")).then_some(url);
    }
    let authority = base.authority()?.clone();
    if location.starts_with('/') {
        return with(scheme, authority, location);
    }
    let (folder, _) = base.path().rsplit_once('/')?;
    with(scheme, authority, &format!("{folder}/{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let base = Uri::from_static("https://hub.example/a/b/c?x=1");
        for (location, url) in [
            ("https://cdn.example/f?sig=1#part", Some("https://cdn.example/f?sig=1")),
            ("http://cdn.example/f", Some("http://cdn.example/f")),
            ("//cdn.example:8443/f", Some("https://cdn.example:8443/f")),
            ("//cdn.example", Some("https://cdn.example/")),
            ("/api/f?next=http://other.example", Some("https://hub.example/api/f?next=http://other.example")),
            ("d", Some("https://hub.example/a/b/d")),
            ("ftp://cdn.example/f", None),
            ("file:///etc/passwd", None),
            ("http://", None),
        ] {
            assert_eq!(resolve(&base, location).map(|url| url.to_string()).as_deref(), url, "{location}");
        }
    }
}
