//! `--config FILE`: read at start, read again when it changes.
//!
//! Changes are found by looking once a second: it works the same on every file system, through the symlinks of
//! mounted ConfigMaps, and for key files that the config names, and costs two system calls.

use crate::account::Metrics;
use crate::snapshot::{Applied, ConfigError, Store};
use flotilla_crds::router_config::{BackendTarget, Credentials, RouterConfig};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// How often the file is looked at.
pub const POLL: Duration = Duration::from_secs(1);

/// Why a file gave no config.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is wrong.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<ConfigError>,
    },
}

/// Parses a document, YAML or JSON. Messages never quote the document: it may hold keys.
///
/// # Errors
/// It is neither, or not of this shape.
pub fn parse(text: &str) -> Result<RouterConfig, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::Syntax(error.to_string()))
}

/// A config file and what was last seen of it.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    /// Files that its credentials are in.
    keys: Vec<PathBuf>,
    stamps: Vec<Option<Stamp>>,
    digest: [u8; 32],
    /// Whether what the file holds is what is in force.
    in_force: bool,
}

/// What changes when a file does.
type Stamp = (SystemTime, u64);

impl ConfigFile {
    /// A file not read yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, keys: Vec::new(), stamps: Vec::new(), digest: [0; 32], in_force: false }
    }

    /// Reads the file if it changed since the last call, and puts it in force. `None`: nothing new.
    ///
    /// # Errors
    /// It cannot be read or is wrong; the config before stays in force, and the same content is not tried again.
    pub fn refresh(&mut self, store: &Store) -> Result<Option<Applied>, FileError> {
        let stamps = self.look();
        if stamps == self.stamps {
            return Ok(None);
        }
        let text = read(&self.path)?;
        let parsed = parse(&text);
        if let Ok(config) = &parsed {
            self.keys = key_files(config);
        }
        // Looked at before it was read: a change in between shows at the next look.
        self.stamps = if self.keys.len() + 1 == stamps.len() { stamps } else { self.look() };
        let digest = self.digest(&text);
        if digest == self.digest {
            return Ok(None);
        }
        self.digest = digest;
        let path = self.path.clone();
        let result = parsed.and_then(|config| store.apply(&config));
        self.in_force = result.is_ok();
        result.map(Some).map_err(|source| FileError::Config { path, source: Box::new(source) })
    }

    fn look(&self) -> Vec<Option<Stamp>> {
        std::iter::once(&self.path).chain(&self.keys).map(|path| stamp(path)).collect()
    }

    /// Of the file and of the keys it names.
    fn digest(&self, text: &str) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(text);
        for key in &self.keys {
            hash.update([0]);
            hash.update(std::fs::read(key).unwrap_or_default());
        }
        hash.finalize().into()
    }
}

/// Watches until `stop`.
pub async fn watch(mut file: ConfigFile, store: &Store, metrics: &Metrics, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match file.refresh(store) {
            Ok(None) if file.in_force => metrics.config_confirmed(),
            Ok(None) => {}
            Ok(Some(applied)) => {
                tracing::info!(policies = applied.policies, models = applied.models, "config in force");
            }
            Err(error) => tracing::error!(%error, "config refused, the one before stays in force"),
        }
    }
}

fn read(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn key_files(config: &RouterConfig) -> Vec<PathBuf> {
    let backends = config.policies.iter().flat_map(|policy| &policy.backends);
    let mut files = Vec::new();
    for backend in backends {
        if let BackendTarget::External(external) = &backend.target
            && let Some(Credentials::File(path)) = &external.credentials
        {
            files.push(PathBuf::from(path));
        }
    }
    files
}
