//! `https://HOST/PATH`.

use super::{is_path, last};

/// A file behind a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebFile {
    /// The whole URL. Its query may hold a secret: show [`Self::public`].
    pub url: String,
    path: String,
}

impl WebFile {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let public = rest.split(['?', '#']).next()?;
        let (host, path) = public.split_once('/')?;
        // Credentials in a URL end up in logs; there is a Secret for them.
        let usable = !host.is_empty() && !host.contains('@') && is_path(path);
        let url = rest.split('#').next()?;
        usable.then(|| Self { url: format!("https://{url}"), path: path.to_owned() })
    }

    /// The file's name: the last part of the path.
    pub fn file(&self) -> &str {
        last(&self.path)
    }

    /// The URL without its query.
    pub fn public(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn queries_are_sent_and_not_shown() {
        let file = WebFile::parse("host.example:8443/a/m.gguf?sig=1#x").unwrap();
        assert_eq!(file.url, "https://host.example:8443/a/m.gguf?sig=1");
        assert_eq!((file.public(), file.file()), ("https://host.example:8443/a/m.gguf", "m.gguf"));
        for refused in ["user:secret@host/m.gguf", "host/", "host/a//m.gguf", "/m.gguf", "host?/m.gguf"] {
            assert_eq!(WebFile::parse(refused), None, "{refused}");
        }
    }
}
