//! A hub, a cache, and fetches from one into the other.

use clap::Parser as _;
use flotilla_fake_hub::{Asked, Contents, Fault, Hub, Options as HubOptions, Script};
use flotilla_model_fetcher::{Cache, FetchError, Job, Meter, Options, Patience, UsageError, fetch};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// More than any buffer on the way, so that a cut is one.
pub const SIZE: usize = 4 << 20;

/// The model of most tests.
pub fn model(seed: u64) -> Vec<u8> {
    bytes(seed, SIZE)
}

/// A file whose bytes depend on their place.
pub fn bytes(seed: u64, size: usize) -> Vec<u8> {
    let byte = |at: u64| (at.wrapping_mul(seed.wrapping_add(0x9E37_79B9)) >> 7).to_le_bytes()[0];
    (0..size as u64).map(byte).collect()
}

pub struct Rig {
    pub hub: Hub,
    pub cache: tempfile::TempDir,
}

impl Rig {
    pub async fn new(options: HubOptions, contents: Contents) -> Self {
        let hub = Hub::start(([127, 0, 0, 1], 0).into(), options, contents).await.unwrap();
        Self { hub, cache: tempfile::tempdir().unwrap() }
    }

    pub async fn with_model() -> Self {
        Self::new(HubOptions::default(), Contents::default().with("m.gguf", model(1))).await
    }

    pub fn faults(&self, faults: &[Fault]) {
        self.hub.script(Script { faults: faults.iter().copied().collect(), ..Script::default() });
    }

    /// Fetches with further options.
    pub async fn fetch(&self, source: &str, more: &[&str]) -> Result<Arc<Meter>, FetchError> {
        self.fetch_from(&self.hub.url(), source, more).await
    }

    /// Fetches from another hub.
    pub async fn fetch_from(
        &self,
        endpoint: &str,
        source: &str,
        more: &[&str],
    ) -> Result<Arc<Meter>, FetchError> {
        let job = self.job_from(endpoint, source, more).unwrap();
        let patience =
            Patience { tries: 4, first: Duration::from_millis(1), longest: Duration::from_millis(2) };
        let meter = Arc::new(Meter::default());
        fetch(&job.with_patience(patience), &meter).await.map(|()| meter)
    }

    /// What options lead to.
    pub fn job(&self, source: &str, more: &[&str]) -> Result<Job, UsageError> {
        self.job_from(&self.hub.url(), source, more)
    }

    fn job_from(&self, endpoint: &str, source: &str, more: &[&str]) -> Result<Job, UsageError> {
        let cache = self.cache.path().display().to_string();
        let fixed = ["flotilla-fetch", "--endpoint", endpoint, "--cache", &cache, "--folder", "model"];
        let given = ["--source", source];
        Options::try_parse_from(fixed.iter().chain(&given).chain(more)).unwrap().job()
    }

    pub async fn fetch_model(&self) -> Result<Arc<Meter>, FetchError> {
        self.fetch("hf://owner/name/m.gguf", &[]).await
    }

    pub fn file(&self, path: &str) -> PathBuf {
        Cache::open(self.cache.path(), "model").unwrap().file(path)
    }

    pub fn part(&self, path: &str) -> PathBuf {
        Cache::open(self.cache.path(), "model").unwrap().part(path)
    }

    pub fn assert_holds(&self, path: &str, bytes: &[u8]) {
        let found = std::fs::read(self.file(path)).unwrap();
        assert!(found == bytes, "{path} has {} bytes that are not the model's {}", found.len(), bytes.len());
    }

    /// Requests for bytes of files.
    pub fn downloads(&self) -> Vec<Asked> {
        self.hub.seen().into_iter().filter(|asked| asked.path.starts_with("/cdn/")).collect()
    }
}
