//! One command at a time: two beds would fight over the same addresses.

use std::fs::{self, File};

use crate::error::{Error, FileContext, Result};

const FILE: &str = "/run/lock/flotilla-bed.lock";

/// Holds the machine's bed until dropped.
///
/// # Errors
/// If another command holds it.
pub(super) fn acquire() -> Result<File> {
    let _ = fs::create_dir_all("/run/lock");
    let file = File::options().create(true).truncate(false).write(true).open(FILE).context("open", FILE)?;
    file.try_lock().map_err(|_| {
        Error::Machine(format!(
            "another `flotilla-bed` command is at work (it holds {FILE}); wait until it ends"
        ))
    })?;
    Ok(file)
}
