//! `file:///PATH`.

use super::{is_path, last};

/// A file that somebody put on the nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeFile {
    /// Absolute path on the node.
    pub path: String,
}

impl NodeFile {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let below_root = rest.strip_prefix('/')?;
        // The folder is what gets mounted, and nobody mounts the node's root.
        (is_path(below_root) && below_root.contains('/')).then(|| Self { path: rest.to_owned() })
    }

    /// The folder that holds it.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("/", |(folder, _)| folder)
    }

    /// Its name in that folder.
    pub fn file(&self) -> &str {
        last(&self.path)
    }

    /// Whether it lies in `folder`, at any depth.
    pub fn lies_below(&self, folder: &str) -> bool {
        let folder = folder.trim_end_matches('/');
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn folders_are_compared_by_whole_parts() {
        let file = NodeFile::parse("/srv/models/a/m.gguf").unwrap();
        assert_eq!((file.folder(), file.file()), ("/srv/models/a", "m.gguf"));
        for (folder, inside) in [
            ("/srv/models", true),
            ("/srv/models/", true),
            ("/srv/mod", false),
            ("/srv/models/a/m.gguf", false),
        ] {
            assert_eq!(file.lies_below(folder), inside, "{folder}");
        }
        for root in ["/m.gguf", "srv/m.gguf", "/srv//m.gguf", "/srv/"] {
            assert_eq!(NodeFile::parse(root), None, "{root}");
        }
    }
}
