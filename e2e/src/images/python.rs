//! Python wheels, locked by hash in a `requirements.txt`.

use std::{fs, path::Path, process::Command};

use super::store::Store;
use crate::{
    bed, command,
    error::{FileContext, Result},
    oci::{Blob, Compression},
};

/// The interpreter in the images.
const VERSION: &str = "3.11";
/// Where the wheels lie in an image; its `PYTHONPATH`.
pub(super) const FOLDER: &str = "opt/python";

/// The layer with the wheels of a lock file.
///
/// # Errors
/// If a wheel cannot be had or does not have the hash in the lock.
pub(super) fn wheels(store: &Store, lock: &Path) -> Result<Blob> {
    let requirements = fs::read_to_string(lock).context("read", lock)?;
    store.layer(&["wheels", VERSION, &requirements], Compression::Gzip, |layer| {
        let folder = temporary()?;
        let mut install = pip()?;
        install.args(["install", "--no-deps", "--no-compile", "--only-binary=:all:", "--require-hashes"]);
        install.args(["--implementation=cp", "--python-version", VERSION]);
        // --target leaves this machine's own Python alone.
        install.arg("--target").arg(folder.path()).arg("--requirement").arg(lock);
        command::output(&mut install)?;
        layer.tree(Path::new(FOLDER), folder.path(), &is_unused).map(drop)
    })
}

/// Downloads the wheels of a lock file into a folder.
///
/// # Errors
/// As [`wheels`].
pub(super) fn download(lock: &Path, folder: &Path) -> Result<()> {
    let mut download = pip()?;
    download.args(["download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"]).arg(folder);
    download.arg("--requirement").arg(lock);
    command::output(&mut download).map(drop)
}

/// A folder that goes when it is dropped.
///
/// # Errors
/// If it cannot be made.
pub(super) fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir().context("create", std::env::temp_dir())
}

/// Launchers carry this machine's paths, and their checksums are in RECORD.
fn is_unused(path: &Path) -> bool {
    path.starts_with(Path::new(FOLDER).join("bin")) || path.file_name().is_some_and(|name| name == "RECORD")
}

/// pip of this machine; Debian packs it separately from Python.
fn pip() -> Result<Command> {
    let mut probe = Command::new("python3");
    if !command::succeeds(probe.args(["-m", "pip", "--version"])) {
        bed::install_packages(&["python3-pip"])?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]);
    Ok(pip)
}
