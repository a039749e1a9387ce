//! What the cluster of a kubeconfig has.

use crate::args::CostArgs;
use crate::error::CliError;
use flotilla_crds::ModelDeployment;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DeserializeGuard;
use kube::{Api, Client, Config};
use std::time::Duration;
use tokio::runtime::Builder;

/// The longest that the answer may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// The `ModelDeployment`s that are asked for; those that cannot be read are left out.
pub(crate) fn model_deployments(args: &CostArgs) -> Result<Vec<ModelDeployment>, CliError> {
    let failed = |error: &dyn std::error::Error| CliError::Cluster(chain(error));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let asking = async {
        let options = KubeConfigOptions { context: args.context.clone(), ..KubeConfigOptions::default() };
        let kubeconfig = Kubeconfig::read().map_err(|error| failed(&error))?;
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| failed(&error))?;
        let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| failed(&error))?;
        let api: Api<DeserializeGuard<ModelDeployment>> =
            if args.all_namespaces { Api::all(client) } else { Api::namespaced(client, &namespace) };
        let list = api.list(&ListParams::default()).await.map_err(|error| failed(&error))?;
        Ok(list.items.into_iter().filter_map(|guard| guard.0.ok()).collect())
    };
    let late = |_| Err(CliError::Cluster(format!("no answer within {} s", DEADLINE.as_secs())));
    runtime.block_on(async { tokio::time::timeout(DEADLINE, asking).await.unwrap_or_else(late) })
}

/// An error with its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
