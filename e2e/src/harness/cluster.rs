//! The cluster: the one that `KUBECONFIG` names, else the bed.

use super::error::{HarnessError, Result};
use crate::bed::{self, Paths};
use crate::command::command;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Time to reach the API server.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for any answer, proxied engines included: a small model on a busy machine may think for a while.
const READ: Duration = Duration::from_mins(10);

/// A client, and how programs reach the same cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Talks to the API server as its administrator.
    pub client: Client,
    kubeconfig: PathBuf,
}

impl Cluster {
    /// Connects to the cluster of `KUBECONFIG`, else to the bed.
    pub async fn connect() -> Result<Self> {
        let kubeconfig = match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => Paths::from_env()?.admin_kubeconfig(),
        };
        Self::connect_with(kubeconfig).await
    }

    /// Connects to the cluster of a kubeconfig file.
    pub async fn connect_with(kubeconfig: PathBuf) -> Result<Self> {
        let missing = |error: &dyn std::fmt::Display| {
            HarnessError::NoCluster(format!("{}: {error}", kubeconfig.display()))
        };
        let read = Kubeconfig::read_from(&kubeconfig).map_err(|error| missing(&error))?;
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
            .await
            .map_err(|error| missing(&error))?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(READ);
        let client = Client::try_from(config).map_err(|error| missing(&error))?;
        Ok(Self { client, kubeconfig })
    }

    /// `kubectl` with the kubeconfig set.
    pub fn kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        self.program("kubectl", arguments)
    }

    /// `helm` with the kubeconfig set.
    pub fn helm<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        self.program("helm", arguments)
    }

    /// The bed's own build of a program where there is one, else the one on `PATH`.
    fn program<'a>(&self, name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let built = bed::tool(&Paths::from_env()?, name)?;
        let program = if built.is_file() { built } else { name.into() };
        let mut command = command(program, arguments);
        command.env("KUBECONFIG", &self.kubeconfig);
        Ok(command)
    }
}
