//! Who uses a model of a cache, and when it was used last.
//!
//! The file `use` of a model's folder is locked, shared, by each replica that may read the model, for as long as its pod
//! runs: engines hold no locks, and one that starts again in its pod finds what it had. Its time of change is when the
//! model was used last. A folder without it is of somebody who tells nothing, and is left alone.

use super::same_file;
use crate::error::FetchError;
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a holder looks again while the model is being deleted.
const POLL: Duration = Duration::from_millis(500);
/// How often a holder says that the model is used. Well below [`super::room::IDLE`].
const RENEW: Duration = Duration::from_mins(10);

/// Where it is told.
pub(super) fn use_file(folder: &Path) -> PathBuf {
    folder.join("use")
}

/// Says that a model is used now.
pub(super) fn touch(folder: &Path) -> Result<(), FetchError> {
    renew(&open(folder)?, folder)
}

/// Keeps the models in `folders` of `cache` from being deleted, as long as the future runs.
///
/// # Errors
/// If the cache cannot be written.
pub async fn hold(cache: &Path, folders: &[String]) -> Result<(), FetchError> {
    let mut held = Vec::with_capacity(folders.len());
    for folder in folders {
        let folder = cache.join(folder);
        held.push((take(&folder).await?, folder));
    }
    loop {
        for (file, folder) in &held {
            renew(file, folder)?;
        }
        tokio::time::sleep(RENEW).await;
    }
}

/// Waits for whoever deletes the model, and then finds that it is gone.
async fn take(folder: &Path) -> Result<File, FetchError> {
    let path = use_file(folder);
    loop {
        let file = open(folder)?;
        match file.try_lock_shared() {
            Ok(()) if same_file(&file, &path) => return Ok(file),
            Ok(()) | Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
            Err(TryLockError::Error(error)) => return Err(FetchError::cache(&path, "locked")(error)),
        }
    }
}

/// It may be there before anything was downloaded.
fn open(folder: &Path) -> Result<File, FetchError> {
    fs::create_dir_all(folder).map_err(FetchError::cache(folder, "made"))?;
    let path = use_file(folder);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.map_err(FetchError::cache(&path, "opened"))
}

fn renew(file: &File, folder: &Path) -> Result<(), FetchError> {
    file.set_modified(Timestamp::now().into()).map_err(FetchError::cache(&use_file(folder), "written"))
}
