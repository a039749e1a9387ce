//! The Go programs of the bed: which there are, where they lie, and whether they are built.

mod build;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::paths::{Paths, repository};
use crate::{
    error::{FileContext, Result},
    hex::hex,
};
use table::{MODULES, Module};

/// The path of a program, whether it is built or not.
///
/// # Errors
/// If the module's files cannot be read.
pub fn program(paths: &Paths, name: &str) -> Result<PathBuf> {
    let module = MODULES.iter().find(|module| module.programs().any(|program| program == name));
    let folder = module.map(|module| folder(paths, module)).transpose()?.unwrap_or_default();
    Ok(folder.join(name))
}

/// The folders that hold the programs, for `PATH`.
///
/// # Errors
/// If a module's files cannot be read.
pub fn folders(paths: &Paths) -> Result<Vec<PathBuf>> {
    MODULES.iter().map(|module| folder(paths, module)).collect()
}

/// Builds what the cache lacks and shows the progress.
///
/// # Errors
/// If Go fails; the error carries what it printed.
pub fn build_all(paths: &Paths) -> Result<()> {
    let tools = paths.cache.join("tools");
    fs::create_dir_all(&tools).context("create", &tools)?;
    // Two builds would remove each other's unfinished folders. The second waits for the first, then finds its work.
    let lock = fs::File::create(tools.join("lock")).context("create", &tools)?;
    lock.lock().context("lock", &tools)?;
    for module in MODULES {
        let folder = folder(paths, module)?;
        if !is_complete(module, &folder) {
            build::module(module, &source(module), &folder)?;
        }
    }
    prune(paths)
}

fn is_complete(module: &Module, folder: &Path) -> bool {
    module.programs().all(|program| folder.join(program).is_file())
}

fn source(module: &Module) -> PathBuf {
    repository().join("e2e/tools").join(module.name)
}

/// The cache folder of a module, keyed by its sources and its build flags.
fn folder(paths: &Paths, module: &Module) -> Result<PathBuf> {
    let source = source(module);
    let mut files: Vec<PathBuf> = fs::read_dir(&source)
        .context("read", &source)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "go" || e == "mod" || e == "sum"))
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(fs::read(&file).context("read", &file)?);
    }
    hash.update(module.flags().join(" "));
    let key = hex(&hash.finalize()[..6]);
    Ok(paths.cache.join("tools").join(format!("{}-{key}", module.name)))
}

/// Removes binaries of older sources.
fn prune(paths: &Paths) -> Result<()> {
    let keep = folders(paths)?;
    let all = paths.cache.join("tools");
    for entry in fs::read_dir(&all).context("read", &all)?.flatten() {
        if entry.path().is_dir() && !keep.contains(&entry.path()) {
            fs::remove_dir_all(entry.path()).context("remove", entry.path())?;
        }
    }
    Ok(())
}
