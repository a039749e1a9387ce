//! One fetcher at a time in a folder. The kernel frees the lock of a process that died.

use super::{Cache, same_file};
use crate::error::FetchError;
use crate::progress::Meter;
use std::fs::File;
use std::fs::{OpenOptions, TryLockError};
use std::time::Duration;

/// How often a waiting fetcher looks whether it is its turn.
const POLL: Duration = Duration::from_millis(500);

/// Held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for its turn, as long as another fetcher is at work, and shows how far that one is.
    pub(crate) async fn take(cache: &Cache, meter: &Meter) -> Result<Self, FetchError> {
        let path = cache.lock_file();
        let file = loop {
            // Again each time: somebody may have deleted the model meanwhile.
            cache.make_folders()?;
            let file = OpenOptions::new().create(true).append(true).open(&path);
            let file = file.map_err(FetchError::cache(&path, "opened"))?;
            match file.try_lock() {
                Ok(()) if same_file(&file, &path) => break file,
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(FetchError::cache(&path, "locked")(error)),
            }
            meter.set_waiting(true);
            meter.set_bytes(cache.bytes());
            tokio::time::sleep(POLL).await;
        };
        meter.set_waiting(false);
        Ok(Self { _file: file })
    }
}
