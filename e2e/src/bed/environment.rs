//! Shell lines that point a person's tools at the bed.

use super::{paths::Paths, tools};
use crate::error::Result;

/// `export` lines for `eval`.
///
/// # Errors
/// If the tools' sources cannot be read.
pub fn environment(paths: &Paths) -> Result<String> {
    let folders = tools::folders(paths)?;
    let path = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":");
    Ok(format!(
        "export KUBECONFIG='{}'\nexport PATH='{path}':\"$PATH\"\n",
        paths.admin_kubeconfig().display()
    ))
}
