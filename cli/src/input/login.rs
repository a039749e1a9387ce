//! Logins to registries, as docker and podman keep them.

use super::file;
use flotilla_operator::model_file::read::oci::{Basic, credentials_for};
use std::env;
use std::path::PathBuf;

/// A login file has a few hundred bytes for each registry.
const LARGEST: u64 = 1 << 20;

/// The first login for the registry that a file has. Credential helpers are not asked.
pub(super) fn credentials(registry: &str) -> Option<Basic> {
    files().iter().find_map(|path| {
        let config = file::bytes(path.to_str()?, LARGEST).ok()?;
        credentials_for(&config, registry)
    })
}

/// Where the tools look, in their order.
fn files() -> Vec<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let docker = set("DOCKER_CONFIG").or_else(|| Some(env::home_dir()?.join(".docker")));
    [
        set("REGISTRY_AUTH_FILE"),
        docker.map(|folder| folder.join("config.json")),
        set("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
