//! Where the bed keeps its things.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// Longest state folder: containerd refuses a shim socket folder (`STATE/s`) of more than 42 bytes.
const MAX_STATE: usize = 40;

/// The two folders that the bed writes to.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Survives the bed: binaries, packages, image layers, registry blobs.
    pub cache: PathBuf,
    /// The bed itself; removed by `down`.
    pub state: PathBuf,
}

impl Paths {
    /// Reads `FLOTILLA_CACHE`, `XDG_CACHE_HOME`, `HOME` and `FLOTILLA_BED_DIR`.
    ///
    /// # Errors
    /// If no cache folder can be named, or the state folder is relative or too long for a socket's name.
    pub fn from_env() -> Result<Self> {
        let state = folder("FLOTILLA_BED_DIR").unwrap_or_else(|| "/var/lib/flotilla-bed".into());
        Self::new(cache_from_env()?, state)
    }

    /// Checks the folders.
    ///
    /// # Errors
    /// If the state folder is relative or too long for a socket's name.
    pub fn new(cache: PathBuf, state: PathBuf) -> Result<Self> {
        if !state.is_absolute() || state.as_os_str().len() > MAX_STATE {
            return Err(Error::Machine(format!(
                "FLOTILLA_BED_DIR must be an absolute path of at most {MAX_STATE} bytes (unix sockets lie below \
                 it), but is {}",
                state.display()
            )));
        }
        Ok(Self { cache, state })
    }

    /// The kubeconfig with the cluster-admin's certificate.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.state.join("admin.kubeconfig")
    }

    /// Certificates and keys.
    pub fn pki(&self) -> PathBuf {
        self.state.join("pki")
    }

    /// One log file a daemon.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// One record a daemon: its pid and start time.
    pub fn daemons(&self) -> PathBuf {
        self.state.join("run")
    }

    /// Sockets of the containerd shims.
    pub fn shim_sockets(&self) -> PathBuf {
        self.state.join("s")
    }

    /// The model caches of all nodes: they share this machine's disk.
    pub fn models(&self) -> PathBuf {
        self.state.join("models")
    }

    /// Everything of one node.
    pub fn node(&self, name: &str) -> PathBuf {
        self.state.join("nodes").join(name)
    }
}

/// The cache folder: `FLOTILLA_CACHE`, else `flotilla` in the user's cache folder.
fn cache_from_env() -> Result<PathBuf> {
    folder("FLOTILLA_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("flotilla")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/flotilla")))
        .ok_or_else(|| Error::Machine("set FLOTILLA_CACHE or HOME: the bed caches its binaries there".into()))
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The root of the repository that this program was built from.
pub fn repository() -> &'static Path {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap_or(crate_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_too_long_for_sockets_is_refused() {
        let error = Paths::new("/c".into(), format!("/{}", "x".repeat(MAX_STATE)).into()).unwrap_err();
        assert!(error.to_string().contains("at most 40 bytes"), "{error}");
        assert!(Paths::new("/c".into(), "relative".into()).is_err());
    }
}
