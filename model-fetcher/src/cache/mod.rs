//! The folder of one model in a cache.
//!
//! `files/` is what engines see: a file is in it only whole and checked. `parts/` has what is on its way, `plan.json`
//! which files there are to be, `done.json` that all of them are there, `lock` keeps a second replica waiting, and `use`
//! keeps the model from being deleted.

mod hold;
mod lock;
mod part;
mod room;
mod space;
mod state;

pub use hold::hold;
pub(crate) use lock::Lock;
pub(crate) use part::Part;
pub(crate) use state::State;

use crate::error::FetchError;
use crate::remote::Wanted;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The folder of one model.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    makes_room: bool,
}

/// A file that is there, as `done.json` has it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    path: String,
    size: u64,
}

impl Cache {
    /// Opens the folder and makes what is missing of it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(cache: &Path, folder: &str) -> Result<Self, FetchError> {
        let cache = Self { folder: cache.join(folder), makes_room: false };
        cache.make_folders()?;
        Ok(cache)
    }

    /// The same, in which other models that nothing uses are deleted where there is too little room for this one.
    #[must_use]
    pub fn making_room(self) -> Self {
        Self { makes_room: true, ..self }
    }

    fn make_folders(&self) -> Result<(), FetchError> {
        for part in ["files", "parts"] {
            let path = self.folder.join(part);
            fs::create_dir_all(&path).map_err(FetchError::cache(&path, "made"))?;
        }
        Ok(())
    }

    /// Says that the model is used now, where that matters.
    pub(crate) fn touch(&self) -> Result<(), FetchError> {
        if self.makes_room { hold::touch(&self.folder) } else { Ok(()) }
    }

    /// Gives `lacking` bytes of room, if others can be deleted for it.
    fn make_room(&self, lacking: u64) {
        let own = self.folder.file_name().and_then(|name| name.to_str());
        if let (true, Some(cache), Some(own)) = (self.makes_room && lacking > 0, self.folder.parent(), own) {
            room::make(cache, own, lacking);
        }
    }

    /// Where a finished file lies.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.join("files").join(path)
    }

    /// Where the bytes of an unfinished one lie.
    pub fn part(&self, path: &str) -> PathBuf {
        self.folder.join("parts").join(format!("{path}.part"))
    }

    /// Where it is written down which version of a file these bytes are of.
    pub(crate) fn state(&self, path: &str) -> PathBuf {
        self.folder.join("parts").join(format!("{path}.json"))
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        lock_file(&self.folder)
    }

    /// The model's bytes, if all files are there with the sizes that they had when they were checked. A file that
    /// somebody cut or replaced is removed, so that it is brought again.
    pub(crate) fn complete(&self) -> Option<u64> {
        let kept: Vec<Kept> = read_json(&self.folder.join("done.json"))?;
        let is_whole =
            |kept: &&Kept| fs::metadata(self.file(&kept.path)).is_ok_and(|is| is.len() == kept.size);
        let (whole, broken): (Vec<_>, Vec<_>) = kept.iter().partition(is_whole);
        for kept in &broken {
            // One that is not there at all cannot be removed.
            let _ = fs::remove_file(self.file(&kept.path));
        }
        broken.is_empty().then(|| whole.iter().map(|kept| kept.size).sum())
    }

    /// The files that an earlier start found to be the model's, so that all come from one version of it.
    pub(crate) fn plan(&self) -> Option<Vec<Wanted>> {
        read_json(&self.folder.join("plan.json"))
    }

    pub(crate) fn keep_plan(&self, files: &[Wanted]) -> Result<(), FetchError> {
        write_json(&self.folder.join("plan.json"), &files)
    }

    /// Writes down that all files are there.
    pub(crate) fn finish(&self, files: &[Wanted]) -> Result<(), FetchError> {
        let mut kept = Vec::with_capacity(files.len());
        for Wanted { path, .. } in files {
            let file = self.file(path);
            let size = fs::metadata(&file).map_err(FetchError::cache(&file, "read"))?.len();
            kept.push(Kept { path: path.clone(), size });
        }
        write_json(&self.folder.join("done.json"), &kept)
    }

    /// Bytes of finished and unfinished files.
    pub(crate) fn bytes(&self) -> u64 {
        below(&self.folder.join("files")) + below(&self.folder.join("parts"))
    }
}

fn lock_file(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Bytes of the files below a folder.
fn below(folder: &Path) -> u64 {
    sum(folder, &|file| file.len())
}

/// Room that the files below a folder take, holes and what was taken ahead considered.
fn allocated(folder: &Path) -> u64 {
    sum(folder, &|file| file.blocks().saturating_mul(space::BLOCK))
}

fn sum(folder: &Path, of: &dyn Fn(&fs::Metadata) -> u64) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(is) if is.is_dir() => sum(&entry.path(), of),
        Ok(is) => of(&is),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Whether an open file is still the one at `path`.
fn same_file(file: &File, path: &Path) -> bool {
    let identity = |is: fs::Metadata| (is.dev(), is.ino());
    file.metadata().ok().map(identity) == fs::metadata(path).ok().map(identity)
}

/// What cannot be read is as if it were not there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces a small file at once.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FetchError> {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(FetchError::cache(path, "written"))
}
