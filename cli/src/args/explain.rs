//! `explain`: a policy, and a request.

use super::OutputArgs;
use clap::Args;

/// What is to be explained.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Who decides.
    #[command(flatten)]
    pub policy: Policy,
    /// A request's body as JSON, as a client would send it; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "model"])]
    pub request: Option<String>,
    /// The text of a chat's only message.
    #[arg(long, value_name = "TEXT", default_value = "Hello")]
    pub prompt: String,
    /// The model asked for. Default: the policy's first.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A header of the request, for example 'x-data-class: PHI'. May be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// With -f: the client of the policy that asks.
    #[arg(long, value_name = "NAME", default_value = "client")]
    pub client: String,
    /// The form of the output.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where the policy is.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Policy {
    /// A manifest with a RoutingPolicy; - for standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub manifest: Option<String>,
    /// A router's config file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// The address of a router: http://HOST:PORT.
    #[arg(long, value_name = "URL")]
    pub router: Option<String>,
}
