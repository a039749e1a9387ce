//! The cluster that the demo runs on: the bed, or one of the user's.

use crate::bed::{self, Paths};
use crate::command::{self, command};
use crate::error::{Error, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Where kubectl and helm are and what they talk to.
pub struct Cluster {
    kubectl: PathBuf,
    helm: PathBuf,
    kubeconfig: PathBuf,
    /// The registry that nodes pull from.
    pub registry: String,
}

impl Cluster {
    /// The bed, with its own tools.
    ///
    /// # Errors
    /// If the tools' sources cannot be read.
    pub fn bed(paths: &Paths) -> Result<Self> {
        Ok(Self {
            kubectl: bed::tool(paths, "kubectl")?,
            helm: bed::tool(paths, "helm")?,
            kubeconfig: paths.admin_kubeconfig(),
            registry: bed::REGISTRY.to_owned(),
        })
    }

    /// The user's, with the tools on the user's path.
    pub fn given(kubeconfig: PathBuf, registry: String) -> Self {
        Self { kubectl: "kubectl".into(), helm: "helm".into(), kubeconfig, registry }
    }

    /// A kubectl command.
    pub fn kubectl<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut kubectl = command(&self.kubectl, args);
        kubectl.env("KUBECONFIG", &self.kubeconfig);
        kubectl
    }

    /// A helm command.
    pub fn helm<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut helm = command(&self.helm, args);
        helm.env("KUBECONFIG", &self.kubeconfig);
        helm
    }

    /// Applies manifests in which `REGISTRY` stands for the registry.
    ///
    /// # Errors
    /// If the API server refuses them.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let manifests = manifests.replace("REGISTRY", &self.registry);
        command::output_with_input(&mut self.kubectl(["apply", "-f", "-"]), &manifests).map(drop)
    }

    /// What `kubectl get … -o json` prints.
    ///
    /// # Errors
    /// If there is no such object.
    pub fn get<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Value> {
        let mut kubectl = self.kubectl(["get"]);
        kubectl.args(args).args(["-o", "json"]);
        parse(&command::output(&mut kubectl)?)
    }

    /// What the API server answers at a path.
    ///
    /// # Errors
    /// If there is no such path.
    pub fn raw(&self, path: &str) -> Result<String> {
        command::output(&mut self.kubectl(["get", "--raw", path]))
    }

    /// Waits for a condition or a path of objects.
    ///
    /// # Errors
    /// If it does not come in time.
    pub fn wait(&self, objects: &str, condition: &str) -> Result<()> {
        let args = ["wait", "-n", super::NAMESPACE, objects, "--timeout=180s"];
        let mut kubectl = self.kubectl(args);
        kubectl.arg(format!("--for={condition}"));
        command::output(&mut kubectl).map(drop)
    }

    /// The path of the kubeconfig, for a person.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig.display().to_string()
    }
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|source| Error::Json { what: "kubectl's answer".to_owned(), source })
}
