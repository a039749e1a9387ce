//! The whole job: wait for the turn, see what is there, bring the rest.

use crate::cache::{Cache, Lock};
use crate::error::FetchError;
use crate::http::HttpClient;
use crate::progress::Meter;
use crate::remote::{Remote, Wanted};
use crate::retry::Patience;
use crate::transfer::{Transfer, retrying};
use std::path::PathBuf;
use std::sync::Arc;

/// What is to be done.
pub struct Job {
    pub(crate) remote: Box<dyn Remote>,
    pub(crate) cache: PathBuf,
    pub(crate) folder: String,
    pub(crate) client: HttpClient,
    pub(crate) patience: Patience,
    pub(crate) make_room: bool,
}

impl Job {
    /// The same with other waits, for tests.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }
}

/// Brings the model into the cache. What is there already is not asked for again, so that a replica starts while its
/// source is away.
///
/// # Errors
/// What the last try failed with.
pub async fn fetch(job: &Job, meter: &Arc<Meter>) -> Result<(), FetchError> {
    let cache = Cache::open(&job.cache, &job.folder)?;
    let cache = if job.make_room { cache.making_room() } else { cache };
    let _lock = Lock::take(&cache, meter).await?;
    cache.touch()?;
    bring(job, &cache, meter).await?;
    // Until its replica holds it, the time counts from here.
    cache.touch()
}

async fn bring(job: &Job, cache: &Cache, meter: &Arc<Meter>) -> Result<(), FetchError> {
    if let Some(bytes) = cache.complete() {
        meter.set_bytes(bytes);
        meter.set_total(bytes);
        return Ok(());
    }
    let files = plan(job, cache).await?;
    let sizes: Option<u64> = files.iter().map(|file| file.size).sum();
    meter.set_total(sizes.unwrap_or_default());
    meter.set_bytes(0);
    let only = files.len() == 1;
    for file in &files {
        Transfer { job, cache, file, only, meter }.run().await?;
    }
    cache.finish(&files)
}

/// Which files the model has: as an earlier start found, else as the source says now.
async fn plan(job: &Job, cache: &Cache) -> Result<Vec<Wanted>, FetchError> {
    if let Some(files) = cache.plan() {
        return Ok(files);
    }
    let files = retrying(job.patience, || job.remote.list(&job.client)).await?;
    // One file has its version in its own answers.
    if files.len() > 1 {
        cache.keep_plan(&files)?;
    }
    Ok(files)
}
