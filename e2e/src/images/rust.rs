//! Release binaries of the workspace.

use std::{env, path::PathBuf, process::Command};

use crate::{
    bed::repository,
    command,
    error::{Error, Result},
    progress::Step,
};

/// Compiles one program for its image and returns its path.
///
/// # Errors
/// If it does not compile; cargo's output is in the error.
pub(super) fn binary(package: &str, program: &str) -> Result<PathBuf> {
    let step = Step::start(format!("compile {program}"));
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository());
    cargo.args(["build", "--release", "--locked", "--quiet", "--package", package, "--bin", program]);
    command::output(&mut cargo)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = repository().join(target).join("release").join(program);
    if path.is_file() {
        step.done();
        return Ok(path);
    }
    Err(Error::Content(format!("cargo built {program}, but it is not at {}", path.display())))
}
