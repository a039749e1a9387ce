//! `cost`: what it is asked of.

use super::OutputArgs;
use clap::Args;

/// Whose costs, and how to show them.
#[derive(Args, Clone, Debug)]
pub struct CostArgs {
    /// Read objects from files instead of the cluster, as `kubectl get mdep -o json` prints them; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<String>,
    /// Of this namespace instead of the context's own.
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["filename", "all_namespaces"])]
    pub namespace: Option<String>,
    /// Of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "filename")]
    pub all_namespaces: bool,
    /// Ask the cluster of this context of the kubeconfig.
    #[arg(long, value_name = "NAME", conflicts_with = "filename")]
    pub context: Option<String>,
    /// The form of the output.
    #[command(flatten)]
    pub output: OutputArgs,
}
