//! `hf://OWNER/REPOSITORY[/FILE][@REVISION]`.

use super::is_path;

/// The branch that a source without a revision means.
const DEFAULT_REVISION: &str = "main";

/// A file, or all that an engine needs, of a model repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HuggingFace {
    /// `OWNER/REPOSITORY`.
    pub repository: String,
    /// Path in the repository; none for the whole of it.
    pub file: Option<String>,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl HuggingFace {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let (path, revision) = rest.rsplit_once('@').unwrap_or((rest, DEFAULT_REVISION));
        let mut parts = path.splitn(3, '/');
        let (owner, name, file) = (parts.next()?, parts.next()?, parts.next());
        let usable = [owner, name].into_iter().all(|part| is_name(part, ""))
            && file.is_none_or(|file| is_path(file) && !file.contains(['?', '#']))
            && is_name(revision, "/");
        usable.then(|| Self {
            repository: format!("{owner}/{name}"),
            file: file.map(str::to_owned),
            revision: revision.to_owned(),
        })
    }
}

/// Whether a text has the characters of a name on the hub, or those in `more`.
fn is_name(text: &str, more: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c) || more.contains(c);
    !text.is_empty() && text != "." && text.chars().all(allowed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, Option<String>, String) {
        let HuggingFace { repository, file, revision } = HuggingFace::parse(text).unwrap();
        (repository, file, revision)
    }

    #[test]
    fn files_and_revisions_are_told_apart() {
        let repository = "bartowski/Llama-3.2-3B-Instruct-GGUF".to_owned();
        for (text, file, revision) in [
            ("/a/m.gguf", Some("a/m.gguf"), "main"),
            ("/m@2.gguf@v1.0", Some("m@2.gguf"), "v1.0"),
            ("", None, "main"),
            ("@refs/pr/3", None, "refs/pr/3"),
        ] {
            let expected = (repository.clone(), file.map(str::to_owned), revision.to_owned());
            assert_eq!(parts(&format!("{repository}{text}")), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_repository_is_refused() {
        for text in ["owner", "owner/", "/name", "o/n/", "o/n//f", "o/n@", "o/n/f?x=1", "o /n"] {
            assert_eq!(HuggingFace::parse(text), None, "{text}");
        }
    }
}
