//! The files that there are.

use bytes::Bytes;
use flotilla_model_source::hex;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Files by their path.
#[derive(Debug, Clone, Default)]
pub struct Contents(BTreeMap<String, Bytes>);

impl Contents {
    /// Everything below a folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn below(folder: &Path) -> io::Result<Self> {
        let mut contents = Self::default();
        contents.add(folder, "")?;
        Ok(contents)
    }

    /// With one more file, or another in its place.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Bytes>) -> Self {
        self.0.insert(path.to_owned(), bytes.into());
        self
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add(&entry.path(), &format!("{name}/"))?;
            } else {
                self.0.insert(name, fs::read(entry.path())?.into());
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, path: &str) -> Option<&Bytes> {
        self.0.get(path)
    }

    /// The file with this checksum.
    pub(super) fn by_sha256(&self, digest: &str) -> Option<&Bytes> {
        self.0.values().find(|bytes| sha256(bytes) == digest)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&String, &Bytes)> {
        self.0.iter()
    }

    /// Changes with any of the files, as a commit does.
    pub(super) fn commit(&self) -> String {
        let mut hasher = Sha256::new();
        for (path, bytes) in &self.0 {
            hasher.update(path);
            hasher.update(bytes);
        }
        hex(&hasher.finalize())[..40].to_owned()
    }
}

/// In hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
