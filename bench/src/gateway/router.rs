//! flotilla-router, with everything on that it has.

use super::{Gateway, Kind, Starter};
use crate::operator::Operator;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// How a router is set up.
#[derive(Debug, Clone, Copy)]
pub struct RouterSetup<'a> {
    /// Where the mock listens.
    pub upstreams: &'a [SocketAddr],
    /// Policies with one model each; clients ask for the last, `assistant`.
    pub models: usize,
    /// What is looked for and counted in each request.
    pub guards: Guards,
    /// Where the config comes from.
    pub source: Source<'a>,
    /// A program to run it in, such as valgrind, with its arguments.
    pub under: &'a [&'a str],
}

/// What a policy guards.
#[derive(Debug, Clone, Copy)]
pub struct Guards {
    /// Every detector there is looks through the prompt.
    pub detectors: bool,
    /// Two budgets that are never spent: in dollars and in tokens.
    pub budgets: Budgets,
}

/// Whose the budgets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budgets {
    /// There are none.
    None,
    /// The router's own.
    Own,
    /// An operator's, which leases parts of them.
    Leased,
}

/// Where the config comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file.
    File,
    /// An operator, which has it from [`config`], and leases budgets.
    Operator(&'a Operator),
}

impl Default for Guards {
    /// Budgets: few policies with an external backend have none.
    fn default() -> Self {
        Self { detectors: false, budgets: Budgets::Own }
    }
}

impl<'a> RouterSetup<'a> {
    /// One model.
    pub fn usual(upstreams: &'a [SocketAddr]) -> Self {
        Self { upstreams, models: 1, guards: Guards::default(), source: Source::File, under: &[] }
    }
}

pub(super) async fn start(starter: &Starter<'_>, setup: &RouterSetup<'_>) -> anyhow::Result<Gateway> {
    let mut file = tempfile::Builder::new().prefix("router").suffix(".yaml").tempfile_in(starter.folder)?;
    file.disable_cleanup(true);
    let path = file.path().to_string_lossy().into_owned();
    let router = starter.router.to_string_lossy();
    let mut own = vec!["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1"];
    let (authority, token);
    match setup.source {
        Source::File => {
            std::fs::write(file.path(), config(setup)?)?;
            own.extend(["--config", &path]);
        }
        Source::Operator(operator) => {
            (authority, token) = (operator.authority.to_string_lossy(), operator.token.to_string_lossy());
            own.extend(["--operator", &operator.url, "--ca-pem-file", &authority, "--token-file", &token]);
        }
    }
    let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
    let gateway = match setup.under {
        [] => Gateway::spawn(starter, Kind::Router, starter.router, &own, unknown)?,
        [program, args @ ..] => {
            let args: Vec<&str> = args.iter().copied().chain([router.as_ref()]).chain(own).collect();
            Gateway::spawn(starter, Kind::Router, Path::new(program), &args, unknown)?
        }
    };
    gateway.announced(address).await
}

/// From the line that says that it serves.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(r#""listen":""#)?;
    rest.split_once('"')?.0.parse().ok()
}

const BUDGETS: &str = "  budgets:
  - {name: money, per: Month, usd: \"1000000\", onExceeded: FleetOnly, leased: LEASED}
  - {name: tokens, per: Day, tokens: 1000000000000, leased: LEASED}
";
const DETECTORS: &str =
    "  sensitivity: {detectors: [SSN, CreditCard, IBAN, MRN, Email, Phone, ICD10], onDetect: PHI}
";

/// Classes, a rule by length, weights, a fallback, prices: what a real policy has, and what it guards.
pub fn config(setup: &RouterSetup<'_>) -> Result<String, std::fmt::Error> {
    let mut endpoints = String::new();
    for upstream in setup.upstreams {
        write!(endpoints, "{{address: \"{upstream}\"}}, ")?;
    }
    let external = setup.upstreams.first().map(ToString::to_string).unwrap_or_default();
    let mut config = "version: flotilla.dev/router/v1alpha1\npolicies:\n".to_owned();
    for number in (0..setup.models).rev() {
        let model = if number == 0 { "assistant".to_owned() } else { format!("assistant-{number}") };
        write!(
            config,
            "- name: team/{model}
  models: [{model}]
  backends:
  - name: fleet
    fleet: {{model: llama-3.2-3b, contextWindow: 131072, endpoints: [{endpoints}]}}
  - name: outside
    external:
      baseUrl: http://{external}/v1
      model: gpt-4o
      credentials: {{apiKey: sk-of-the-policy}}
      pricing: {{input: \"2.50\", output: \"10.00\"}}
  rules:
  - {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}
  - {{name: internal, match: {{dataClasses: [Internal], promptTokens: {{atMost: 10}}}}, route: {{backends: [{{name: fleet}}]}}}}
  - {{name: long, match: {{promptTokens: {{moreThan: 100000}}}}, route: {{backends: [{{name: outside}}]}}}}
  default:
    backends: [{{name: fleet, weight: 95}}, {{name: outside, weight: 5}}]
    fallback: [outside]
"
        )?;
        match setup.guards.budgets {
            Budgets::None => {}
            Budgets::Own => config.push_str(&BUDGETS.replace("LEASED", "false")),
            Budgets::Leased => config.push_str(&BUDGETS.replace("LEASED", "true")),
        }
        config.push_str(if setup.guards.detectors { DETECTORS } else { "" });
    }
    Ok(config)
}
