//! One layer: a tar file, its digest and the digest of what is in it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Component, Path, PathBuf},
};

use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::error::{FileContext, Result};

/// Whether a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Model weights: compressing them costs seconds and saves nothing.
    None,
    /// Everything else.
    Gzip,
}

impl Compression {
    fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }
}

/// A finished layer in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    /// OCI media type.
    pub media_type: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// `sha256:…` of the tar in the file.
    pub diff_id: String,
    /// The file.
    pub path: PathBuf,
}

/// Collects the entries of a layer. Parents are added as needed; the first of two entries for a path stays.
pub struct LayerBuilder {
    tar: tar::Builder<Hashing<Box<dyn Finish>>>,
    seen: BTreeSet<PathBuf>,
    path: PathBuf,
    compression: Compression,
}

impl LayerBuilder {
    /// Starts a layer that is written to `path`.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: impl Into<PathBuf>, compression: Compression) -> Result<Self> {
        let path = path.into();
        let file = Hashing::new(BufWriter::new(File::create(&path).context("create", &path)?));
        let sink: Box<dyn Finish> = match compression {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(GzEncoder::new(file, flate2::Compression::new(6))),
        };
        let tar = tar::Builder::new(Hashing::new(sink));
        Ok(Self { tar, seen: BTreeSet::new(), path, compression })
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// If the layer cannot be written.
    pub fn folder(&mut self, path: impl AsRef<Path>, mode: u32) -> Result<&mut Self> {
        self.entry(path.as_ref(), EntryType::Directory, mode, 0, io::empty(), None)
    }

    /// Adds a file with the given content.
    ///
    /// # Errors
    /// If the layer cannot be written.
    pub fn file(&mut self, path: impl AsRef<Path>, mode: u32, content: &[u8]) -> Result<&mut Self> {
        self.entry(path.as_ref(), EntryType::Regular, mode, content.len() as u64, content, None)
    }

    /// Adds a copy of a file on this machine.
    ///
    /// # Errors
    /// If the file cannot be read or the layer not written.
    pub fn copy(&mut self, path: impl AsRef<Path>, mode: u32, source: &Path) -> Result<&mut Self> {
        let file = File::open(source).context("open", source)?;
        let size = file.metadata().context("read", source)?.len();
        self.entry(path.as_ref(), EntryType::Regular, mode, size, file, None)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// If the layer cannot be written.
    pub fn link(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<&mut Self> {
        self.entry(path.as_ref(), EntryType::Symlink, 0o777, 0, io::empty(), Some(target.as_ref()))
    }

    /// Adds all below a folder on this machine, except what `skip` names by its path in that folder.
    ///
    /// # Errors
    /// If a file cannot be read or the layer not written.
    pub fn tree(&mut self, path: &Path, source: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<&mut Self> {
        let mut entries: Vec<_> = fs::read_dir(source).context("read", source)?.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (from, to) = (entry.path(), path.join(entry.file_name()));
            if skip(&to) {
                continue;
            }
            let kind = entry.metadata().context("read", &from)?;
            if kind.is_dir() {
                self.folder(&to, 0o755)?.tree(&to, &from, skip)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&from).context("read", &from)?;
                self.link(&to, target)?;
            } else {
                let executable = std::os::unix::fs::PermissionsExt::mode(&kind.permissions()) & 0o100 != 0;
                self.copy(&to, if executable { 0o755 } else { 0o644 }, &from)?;
            }
        }
        Ok(self)
    }

    /// Adds the entries of a tar stream (a Debian package's), except what `skip` names.
    ///
    /// # Errors
    /// If the stream cannot be read or the layer not written.
    pub fn tar(&mut self, stream: impl Read, name: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<&mut Self> {
        let mut archive = tar::Archive::new(stream);
        for entry in archive.entries().context("read", name)? {
            let entry = entry.context("read", name)?;
            let path = relative(&entry.path().context("read", name)?);
            let header = entry.header();
            let (kind, mode, size) =
                (header.entry_type(), header.mode().unwrap_or(0o644), header.size().unwrap_or(0));
            if path.as_os_str().is_empty() || kind.is_dir() || skip(&path) {
                // Folders come with what is in them.
                continue;
            }
            let target = entry.link_name().context("read", name)?.map(std::borrow::Cow::into_owned);
            self.entry(&path, kind, mode & 0o777, size, entry, target.as_deref())?;
        }
        Ok(self)
    }

    /// Ends the layer.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> Result<Blob> {
        let Self { tar, path, compression, .. } = self;
        let done = tar.into_inner().and_then(Hashing::finish).and_then(|(sink, diff_id, _)| {
            let (digest, size) = sink.finish()?;
            Ok((digest, size, diff_id))
        });
        let (digest, size, diff_id) = done.context("write", &path)?;
        Ok(Blob { media_type: compression.media_type().to_owned(), digest, size, diff_id, path })
    }

    fn entry(
        &mut self,
        path: &Path,
        kind: EntryType,
        mode: u32,
        size: u64,
        content: impl Read,
        target: Option<&Path>,
    ) -> Result<&mut Self> {
        let path = relative(path);
        if !self.seen.insert(path.clone()) {
            return Ok(self);
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.folder(parent, 0o755)?;
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        let written = match target {
            Some(target) => self.tar.append_link(&mut header, &path, target),
            None => self.tar.append_data(&mut header, &path, content),
        };
        written.context("write", &self.path)?;
        Ok(self)
    }
}

/// The path without `/` or `./` in front.
fn relative(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// A writer that knows the digest and the size of what went through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    fn finish(mut self) -> io::Result<(W, String, u64)> {
        self.inner.flush()?;
        Ok((self.inner, super::image::digest(self.hash), self.size))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What a layer is written to: gives the digest and the size of the file.
trait Finish: Write {
    fn finish(self: Box<Self>) -> io::Result<(String, u64)>;
}

impl Finish for Hashing<BufWriter<File>> {
    fn finish(self: Box<Self>) -> io::Result<(String, u64)> {
        Hashing::finish(*self).map(|(_, digest, size)| (digest, size))
    }
}

impl Finish for GzEncoder<Hashing<BufWriter<File>>> {
    fn finish(self: Box<Self>) -> io::Result<(String, u64)> {
        GzEncoder::finish(*self)?.finish().map(|(_, digest, size)| (digest, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(folder: &Path, compression: Compression) -> Blob {
        let mut layer = LayerBuilder::create(folder.join("layer"), compression).unwrap();
        layer
            .file("a/b/c", 0o644, b"text")
            .unwrap()
            .link("a/l", "b/c")
            .unwrap()
            .file("a/b/c", 0o600, b"no")
            .unwrap();
        layer.finish().unwrap()
    }

    #[test]
    fn the_same_content_gives_the_same_digest_whatever_the_time() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, two] = folders.each_ref().map(|folder| layer(folder.path(), Compression::Gzip));
        assert_eq!((&one.digest, &one.diff_id, one.size), (&two.digest, &two.diff_id, two.size));
        let plain = layer(folders[0].path(), Compression::None);
        assert_eq!(plain.digest, plain.diff_id);
        assert_eq!(plain.diff_id, one.diff_id);
    }

    #[test]
    fn parents_are_added_and_the_first_of_two_entries_stays() {
        let folder = tempfile::tempdir().unwrap();
        let blob = layer(folder.path(), Compression::None);
        let mut archive = tar::Archive::new(File::open(blob.path).unwrap());
        let mut paths = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            paths.push((entry.path().unwrap().display().to_string(), text));
        }
        let expected = [("a/", ""), ("a/b/", ""), ("a/b/c", "text"), ("a/l", "")];
        assert_eq!(
            paths,
            expected.map(|(path, text)| (path.trim_end_matches('/').to_owned(), text.to_owned()))
        );
    }
}
