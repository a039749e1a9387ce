//! Finished layers and layouts in the cache. A layer is found again by what it is made of.

use std::{
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    bed::Paths,
    error::{Error, FileContext, Result},
    hex::hex,
    oci::{Blob, Compression, LayerBuilder},
};

/// Changes when the way layers are written changes, so that old ones are not taken for new ones.
const FORMAT: &str = "2";

/// The folder `oci` of the cache.
#[derive(Debug)]
pub(super) struct Store {
    layers: PathBuf,
    layouts: PathBuf,
}

impl Store {
    /// Opens or makes the store.
    ///
    /// # Errors
    /// If the folders cannot be made.
    pub(super) fn open(paths: &Paths) -> Result<Self> {
        let root = paths.cache.join("oci");
        let store = Self { layers: root.join("layers"), layouts: root.join("layouts") };
        for folder in [&store.layers, &store.layouts] {
            fs::create_dir_all(folder).context("create", folder)?;
        }
        Ok(store)
    }

    /// Where the layout of an image lies.
    pub(super) fn layout(&self, name: &str) -> PathBuf {
        self.layouts.join(name)
    }

    /// The layer made of `parts`; `build` is called only if it is not there yet.
    ///
    /// # Errors
    /// What `build` returns, or if the file cannot be written.
    pub(super) fn layer(
        &self,
        parts: &[&str],
        compression: Compression,
        build: impl FnOnce(&mut LayerBuilder) -> Result<()>,
    ) -> Result<Blob> {
        let key = key(parts);
        let note = self.layers.join(format!("{key}.json"));
        if let Some(blob) = fs::read(&note).ok().and_then(|text| serde_json::from_slice::<Blob>(&text).ok())
            && fs::metadata(&blob.path).is_ok_and(|file| file.len() == blob.size)
        {
            return Ok(blob);
        }
        let unfinished = self.layers.join(format!("{key}.unfinished"));
        let mut builder = LayerBuilder::create(&unfinished, compression)?;
        build(&mut builder)?;
        let mut blob = builder.finish()?;
        blob.path = self.layers.join(&key);
        fs::rename(&unfinished, &blob.path).context("rename to", &blob.path)?;
        let text = serde_json::to_vec(&blob)
            .map_err(|source| Error::Json { what: note.display().to_string(), source })?;
        fs::write(&note, text).context("write", &note)?;
        Ok(blob)
    }

    /// Removes layers that no layout uses any more.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub(super) fn prune(&self) -> Result<()> {
        let entries = fs::read_dir(&self.layers).context("read", &self.layers)?;
        for entry in entries.flatten() {
            let path = entry.path();
            let is_layer = path.extension().is_none();
            if is_layer && entry.metadata().is_ok_and(|file| file.nlink() == 1) {
                fs::remove_file(&path).context("remove", &path)?;
                let _ = fs::remove_file(path.with_extension("json"));
            }
        }
        Ok(())
    }
}

fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new_with_prefix(FORMAT);
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..12])
}

/// SHA-256 of a file in hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub(super) fn fingerprint(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).context("open", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).context("read", path)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path().to_owned(), "/tmp/bed".into()).unwrap();
        (folder, Store::open(&paths).unwrap())
    }

    #[test]
    fn a_layer_is_built_once_and_pruned_when_no_layout_links_it() {
        let (_folder, store) = store();
        let build = |layer: &mut LayerBuilder| layer.file("a", 0o644, b"a").map(drop);
        let blob = store.layer(&["a", "b"], Compression::None, build).unwrap();
        let again = store.layer(&["a", "b"], Compression::None, |_| panic!("built twice")).unwrap();
        assert_eq!(blob, again);
        fs::hard_link(&blob.path, store.layouts.join("used")).unwrap();
        store.prune().unwrap();
        assert!(blob.path.exists());
        fs::remove_file(store.layouts.join("used")).unwrap();
        store.prune().unwrap();
        assert!(!blob.path.exists());
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
    }
}
