//! A file on its way: what came of it, and the checksum of that. Blocking: for threads that may wait for disks.

use super::{Cache, State, read_json, space, write_json};
use crate::error::FetchError;
use flotilla_model_source::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// Read at once when the checksum of what is there is computed.
const BLOCK: usize = 1 << 20;

/// The bytes so far of one file.
#[derive(Debug)]
pub(crate) struct Part {
    cache: Cache,
    file: File,
    path: PathBuf,
    target: PathBuf,
    state_path: PathBuf,
    hasher: Sha256,
    length: u64,
    state: State,
    resumed: bool,
}

impl Part {
    /// Opens what an earlier start left, or begins.
    pub(crate) fn open(cache: &Cache, name: &str) -> Result<Self, FetchError> {
        let (path, target, state_path) = (cache.part(name), cache.file(name), cache.state(name));
        for folder in [path.parent(), target.parent()].into_iter().flatten() {
            fs::create_dir_all(folder).map_err(FetchError::cache(folder, "made"))?;
        }
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = file.map_err(FetchError::cache(&path, "opened"))?;
        let (hasher, length) = hash(&mut file).map_err(FetchError::cache(&path, "read"))?;
        // Bytes of which nobody wrote down what they are of are not gone on with.
        let state: Option<State> = read_json(&state_path);
        let known = state.is_some();
        let state = state.unwrap_or_default();
        let cache = cache.clone();
        let mut part =
            Self { cache, file, path, target, state_path, hasher, length, state, resumed: length > 0 };
        if length > 0 && !known {
            part.restart()?;
        }
        Ok(part)
    }

    /// Bytes that are there.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// What is known of the file at the source.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Whether some of it came in an earlier start or try.
    pub(crate) const fn resumed(&self) -> bool {
        self.resumed
    }

    /// Notes that a try begins with what earlier ones brought.
    pub(crate) const fn begin(&mut self) {
        self.resumed = self.length > 0;
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self) -> Result<(), FetchError> {
        self.cut(0)?;
        self.hasher = Sha256::new();
        self.length = 0;
        self.state = State::default();
        self.resumed = false;
        Ok(())
    }

    /// Writes down which version of the file the bytes are of, and takes room for the rest of it.
    pub(crate) fn expect(&mut self, state: State) -> Result<(), FetchError> {
        if let Some(size) = state.size {
            self.cache.make_room(space::lacking(&self.file, &self.path, size)?);
            space::reserve(&self.file, &self.path, self.length, size)?;
        }
        if state != self.state {
            write_json(&self.state_path, &state)?;
            self.state = state;
        }
        Ok(())
    }

    /// Adds bytes. After a failure what was there before is still there.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(bytes) {
            let needed = self.state.size.unwrap_or_default().saturating_sub(self.length);
            self.cut(self.length)?;
            return Err(space::write_error(&self.path, error, needed));
        }
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The SHA-256 of what is there, in hex.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }

    /// Puts the whole file where engines find it, so that it is there as a whole or not at all, also after a power cut.
    pub(crate) fn publish(self) -> Result<(), FetchError> {
        let Self { file, path, target, state_path, .. } = self;
        file.sync_all().map_err(FetchError::cache(&path, "written"))?;
        fs::rename(&path, &target).map_err(FetchError::cache(&target, "written"))?;
        if let Some(folder) = target.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(FetchError::cache(folder, "written"))?;
        }
        // Without its part it says nothing.
        let _ = fs::remove_file(state_path);
        Ok(())
    }

    /// Cuts the file and goes on at its end.
    fn cut(&mut self, length: u64) -> Result<(), FetchError> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map(drop).map_err(FetchError::cache(&self.path, "cut"))
    }

    /// For messages.
    pub(crate) fn name(&self) -> String {
        self.target.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn hash(file: &mut File) -> std::io::Result<(Sha256, u64)> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((hasher, length));
        }
        hasher.update(&block[..read]);
        length += read as u64;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    /// Of "whole file", by `sha256sum`.
    const WHOLE: &str = "cd9f9d807dd53f75d138db55943421ba0d24da77369a79c704e32e0fd5562247";

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), "m").unwrap();
        (folder, cache)
    }

    fn state(etag: &str) -> State {
        State { etag: Some(etag.to_owned()), size: Some(10), sha256: None }
    }

    #[test]
    fn a_second_start_goes_on_and_the_file_appears_only_whole() {
        let (_folder, cache) = cache();
        let mut part = Part::open(&cache, "sub/m.gguf").unwrap();
        part.expect(state("v1")).unwrap();
        part.append(b"whole").unwrap();
        drop(part);
        assert!(!cache.file("sub/m.gguf").exists());

        let mut part = Part::open(&cache, "sub/m.gguf").unwrap();
        assert_eq!((part.length(), part.resumed(), part.state()), (5, true, &state("v1")));
        part.append(b" file").unwrap();
        assert_eq!(part.sha256(), WHOLE);
        part.publish().unwrap();
        assert_eq!(fs::read(cache.file("sub/m.gguf")).unwrap(), b"whole file");
        assert!(!cache.part("sub/m.gguf").exists() && !cache.state("sub/m.gguf").exists());
    }

    #[test]
    fn bytes_of_an_unknown_version_are_thrown_away() {
        let (_folder, cache) = cache();
        let mut part = Part::open(&cache, "m.gguf").unwrap();
        part.append(b"half").unwrap();
        drop(part);
        assert_eq!(Part::open(&cache, "m.gguf").unwrap().length(), 0);
    }

    #[test]
    fn a_new_beginning_forgets_bytes_and_checksum() {
        let (_folder, cache) = cache();
        let mut part = Part::open(&cache, "m.gguf").unwrap();
        part.append(b"something else that is longer").unwrap();
        part.restart().unwrap();
        part.append(b"whole file").unwrap();
        assert_eq!((part.sha256().as_str(), part.length()), (WHOLE, 10));
        part.publish().unwrap();
        assert_eq!(fs::read(cache.file("m.gguf")).unwrap(), b"whole file");
    }

    #[test]
    fn more_than_the_disk_has_is_refused_before_a_byte_comes() {
        let (_folder, cache) = cache();
        let mut part = Part::open(&cache, "m.gguf").unwrap();
        let huge = State { size: Some(1 << 60), ..State::default() };
        let error = part.expect(huge).unwrap_err();
        assert!(matches!(error, FetchError::DiskFull { .. }), "{error}");
        assert_eq!(part.state(), &State::default());
    }
}
