//! Flags and their environment variables.

use crate::spans::Destination;
use crate::telemetry::LogFormat;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLE: &str = "\
Example: one model name, 95 % to a llama.cpp server of yours, 5 % to an external API.

  cat > router.yaml <<'END'
  version: flotilla.dev/router/v1alpha1
  policies:
  - name: assistant
    models: [assistant]
    backends:
    - name: mine
      fleet: {model: llama-3.2-3b, endpoints: [{address: 127.0.0.1:8080}]}
    - name: gpt-4o
      external: {baseUrl: https://api.openai.com/v1, model: gpt-4o, credentials: {env: OPENAI_API_KEY}}
    default:
      backends: [{name: mine, weight: 95}, {name: gpt-4o, weight: 5}]
      fallback: [gpt-4o]
  END
  flotilla-router --config router.yaml
  curl http://127.0.0.1:8089/v1/chat/completions -H 'x-flotilla-explain: 1' -i \\
    -d '{\"model\": \"assistant\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'

The file may be edited while the router runs. All of it: docs/router-config.md.";

/// Answers OpenAI-compatible requests by your own engines and external APIs, as policies say.
#[derive(Debug, Parser)]
#[command(name = "flotilla-router", version, after_long_help = EXAMPLE, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Do something else than serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a config file, credentials included, and say what is wrong with it.
    Check {
        /// The config file, YAML or JSON.
        #[arg(long, value_name = "FILE", env = "FLOTILLA_CONFIG")]
        config: PathBuf,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// How to serve.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Read the config from this file, YAML or JSON, and again whenever it changes.
    #[arg(long, value_name = "FILE", env = "FLOTILLA_CONFIG", conflicts_with = "operator")]
    pub config: Option<PathBuf>,
    /// Get the config from the operator at this address, as https://host:port.
    #[arg(long, value_name = "URL", env = "FLOTILLA_OPERATOR")]
    pub operator: Option<String>,
    /// With --operator: the file that holds the router's ServiceAccount token.
    #[arg(
        long,
        value_name = "FILE",
        env = "FLOTILLA_TOKEN_FILE",
        default_value = "/var/run/secrets/flotilla/token"
    )]
    pub token_file: PathBuf,
    /// With --operator: the certificate authority that the operator is known by, as PEM text.
    #[arg(
        long,
        value_name = "PEM",
        env = "FLOTILLA_CA_PEM",
        conflicts_with = "ca_pem_file",
        hide_env_values = true
    )]
    pub ca_pem: Option<String>,
    /// With --operator: the same, from a file.
    #[arg(long, value_name = "FILE", env = "FLOTILLA_CA_PEM_FILE")]
    pub ca_pem_file: Option<PathBuf>,
    /// Where applications send their requests.
    #[arg(long, value_name = "IP:PORT", env = "FLOTILLA_LISTEN", default_value = "127.0.0.1:8089")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics and /explain are and nothing else; without it, --listen alone has them.
    #[arg(long, value_name = "IP:PORT", env = "FLOTILLA_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// How log lines look.
    #[arg(long, env = "FLOTILLA_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// How long new connections are still taken after SIGTERM, in seconds: those who send by a list of endpoints hear
    /// late that this one is not ready. By default 5, or 0 where --listen is a loopback address. A second signal ends it.
    #[arg(long, value_name = "SECONDS", env = "FLOTILLA_DRAIN_DELAY", value_parser = seconds)]
    pub drain_delay: Option<Duration>,
    /// How long answers under way may go on after SIGTERM, in seconds, the drain delay included; less than the pod's
    /// grace period, 30.
    #[arg(long, value_name = "SECONDS", env = "FLOTILLA_DRAIN_TIMEOUT", default_value = "25", value_parser = seconds)]
    pub drain_timeout: Duration,
    /// The largest request body, in bytes.
    #[arg(long, value_name = "BYTES", env = "FLOTILLA_MAX_BODY_BYTES", default_value_t = 32 * 1024 * 1024)]
    pub max_body_bytes: usize,
    /// The most bytes of bodies held at once, of all requests together; by default half of the container's memory, or
    /// 1 GiB where that is not limited. What comes beyond it is answered with 503.
    #[arg(long, value_name = "BYTES", env = "FLOTILLA_MAX_BUFFERED_BYTES")]
    pub max_buffered_bytes: Option<usize>,
    /// The most connections of one client address; each carries one answer at a time.
    #[arg(long, value_name = "N", env = "FLOTILLA_MAX_STREAMS_PER_CLIENT", default_value_t = 4096)]
    pub max_streams_per_client: usize,
    /// Send spans of all requests to the OpenTelemetry collector at this address, by OTLP over HTTP with protobuf, at
    /// /v1/traces below it. Without it there are no spans. OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
    /// OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_EXPORTER_OTLP_HEADERS and OTEL_EXPORTER_OTLP_TIMEOUT mean
    /// what they always do.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The same, to this very address.
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")]
    pub otlp_traces_endpoint: Option<String>,
    /// Send no spans, whatever else is said.
    #[arg(long, env = "OTEL_SDK_DISABLED")]
    pub otel_sdk_disabled: bool,
    /// Threads that serve; by default 2, or 1 where there is one CPU.
    #[arg(long, value_name = "N", env = "FLOTILLA_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
}

impl ServeArgs {
    /// The number of threads to serve with.
    pub fn workers(&self) -> usize {
        let default = || std::thread::available_parallelism().map_or(1, |n| n.get().min(2));
        self.workers.map_or_else(default, usize::from)
    }

    /// Where spans go, if they are wanted.
    pub(super) fn spans(&self) -> Option<Destination> {
        let wanted = !self.otel_sdk_disabled;
        Destination::of(self.otlp_endpoint.as_deref(), self.otlp_traces_endpoint.as_deref())
            .filter(|_| wanted)
    }

    /// How long new connections are taken after a signal. Nothing finds a loopback address by a list of endpoints.
    pub(super) fn drain_delay(&self) -> Duration {
        let default = if self.listen.ip().is_loopback() { Duration::ZERO } else { Duration::from_secs(5) };
        self.drain_delay.unwrap_or(default)
    }
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.trim_end_matches('s').parse().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn only_who_is_found_by_a_list_of_endpoints_waits_before_it_closes() {
        let delay = |args: &[&str]| {
            Cli::parse_from(["flotilla-router"].iter().chain(args)).serve.drain_delay().as_secs()
        };
        assert_eq!(delay(&[]), 0);
        assert_eq!(delay(&["--listen=0.0.0.0:8089"]), 5);
        assert_eq!(delay(&["--listen=0.0.0.0:8089", "--drain-delay=9"]), 9);
    }

    #[test]
    fn the_command_line_is_sound_and_its_example_is_a_config() {
        Cli::command().debug_assert();
        let start = EXAMPLE.find("  version:").unwrap();
        let yaml = &EXAMPLE[start..EXAMPLE.find("  END\n  flotilla").unwrap()];
        crate::source::file::parse(yaml).unwrap();
    }
}
