//! Brings one file, in as many tries as it takes.

mod attempt;
mod write;

use crate::cache::{Cache, Part};
use crate::error::FetchError;
use crate::fetch::Job;
use crate::progress::Meter;
use crate::remote::Wanted;
use crate::retry::{Patience, Tries};
use std::fs;
use std::sync::Arc;

/// One file of a job.
pub(crate) struct Transfer<'a> {
    pub(crate) job: &'a Job,
    pub(crate) cache: &'a Cache,
    pub(crate) file: &'a Wanted,
    /// Whether it is all that the model has, so that its size is the model's.
    pub(crate) only: bool,
    pub(crate) meter: &'a Arc<Meter>,
}

impl Transfer<'_> {
    /// Brings the file, unless it is there.
    pub(crate) async fn run(&self) -> Result<(), FetchError> {
        if let Ok(there) = fs::metadata(self.cache.file(&self.file.path)) {
            self.meter.add(there.len());
            return Ok(());
        }
        let before = self.meter.bytes();
        let (cache, path) = (self.cache.clone(), self.file.path.clone());
        let mut part = blocking(move || Part::open(&cache, &path)).await?;
        let mut tries = Tries::new(self.job.patience);
        loop {
            let had = part.length();
            self.meter.set_bytes(before + had);
            part.begin();
            let (kept, result) = self.attempt(part).await?;
            part = kept;
            let error = match result.and_then(|()| Self::verify(&mut part)) {
                Ok(()) => return blocking(move || part.publish()).await,
                Err(error) => error,
            };
            let wait = tries.next(&error, part.length() > had, rand::random());
            let Some(wait) = wait else { return Err(error) };
            eprintln!("{error}; tried again in {} ms", wait.as_millis());
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether what is there is the whole file, and the right one.
    fn verify(part: &mut Part) -> Result<(), FetchError> {
        let Some(expected) = part.state().sha256.clone() else { return Ok(()) };
        let found = part.sha256();
        if found == expected {
            return Ok(());
        }
        let resumed = part.resumed();
        part.restart()?;
        Err(FetchError::Checksum { file: part.name(), found, expected, resumed })
    }
}

/// Runs what may wait for a disk on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    // Only a panic or a runtime that ends leave no result.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(FetchError::Stopped))
}

/// Asks again and again for something small.
pub(crate) async fn retrying<T, F: Future<Output = Result<T, FetchError>>>(
    patience: Patience,
    mut ask: impl FnMut() -> F,
) -> Result<T, FetchError> {
    let mut tries = Tries::new(patience);
    loop {
        let error = match ask().await {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        let Some(wait) = tries.next(&error, false, rand::random()) else { return Err(error) };
        eprintln!("{error}; tried again in {} ms", wait.as_millis());
        tokio::time::sleep(wait).await;
    }
}
