//! `pvc://CLAIM/PATH`.

/// A file in a volume of the object's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeFile {
    /// The claim.
    pub claim: String,
    /// Path in the volume.
    pub file: String,
}

impl VolumeFile {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let (claim, file) = rest.split_once('/')?;
        let file = file.trim_start_matches('/');
        let named = !claim.is_empty() && !file.is_empty();
        named.then(|| Self { claim: claim.to_owned(), file: file.to_owned() })
    }
}
