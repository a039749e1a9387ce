//! A stand-in for an external LLM API, for tests and the demo.

use clap::Parser;
use flotilla_e2e::provider::{Options, Provider};
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Speaks OpenAI's Chat Completions and Anthropic's Messages, bills exactly, fails on demand, and remembers what it received.
#[derive(Debug, Parser)]
#[command(name = "flotilla-fake-provider")]
struct Cli {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// The key that clients must give; without it everybody may ask.
    #[arg(long, env = "FLOTILLA_FAKE_PROVIDER_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The one model there is.
    #[arg(long, default_value = "gpt-4o")]
    model: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match serve(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-fake-provider: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(cli: Cli) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let provider = Provider::start(cli.listen, Options { key: cli.key, model: cli.model }).await?;
    println!("listening on {}", provider.address);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
