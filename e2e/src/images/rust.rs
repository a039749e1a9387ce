//! Binaries of the workspace, optimised.

use std::{env, path::PathBuf, process::Command};

use crate::{
    bed::repository,
    command,
    error::{Error, Result},
    progress::Step,
};

/// Packages with a profile of their own: what a request passes through is compiled as a whole.
const PROFILES: [(&str, &str); 1] = [("flotilla-router", "router")];

/// Compiles one program for its image and returns its path.
///
/// # Errors
/// If it does not compile; cargo's output is in the error.
pub(super) fn binary(package: &str, program: &str) -> Result<PathBuf> {
    let step = Step::start(format!("compile {program}"));
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository());
    // `cargo run` describes its own package in the environment. Build scripts look at these variables, and would
    // compile half of the dependencies anew at each change between a cargo within cargo and one outside.
    for (name, _) in env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    let own = PROFILES.iter().find(|(name, _)| *name == package);
    let profile = own.map_or("release", |(_, profile)| profile);
    cargo.args([
        "build",
        "--profile",
        profile,
        "--locked",
        "--quiet",
        "--package",
        package,
        "--bin",
        program,
    ]);
    command::output(&mut cargo)?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let path = repository().join(target).join(profile).join(program);
    if path.is_file() {
        step.done();
        return Ok(path);
    }
    Err(Error::Content(format!("cargo built {program}, but it is not at {}", path.display())))
}

/// Whether cargo sets this variable for the program that it runs, as against one that a person sets for cargo.
fn describes_a_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|p| variable.starts_with(p))
        || variable == "CARGO_PRIMARY_PACKAGE"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_for_cargo_are_kept() {
        assert!(describes_a_package("CARGO_PKG_VERSION_MAJOR") && describes_a_package("CARGO_MANIFEST_DIR"));
        let settings = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "CARGO_NET_OFFLINE", "CARGO"];
        assert!(settings.iter().all(|setting| !describes_a_package(setting)));
    }
}
