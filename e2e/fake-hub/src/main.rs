//! A stand-in for where models come from, for tests.

use clap::Parser;
use flotilla_fake_hub::{AccessKey, Contents, Hub, Options};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Serves the files of a folder as Hugging Face's hub, as an S3 bucket and plainly, fails on demand, and remembers what
/// it was asked.
#[derive(Debug, Parser)]
#[command(name = "flotilla-fake-hub")]
struct Cli {
    /// Where to listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9200")]
    listen: SocketAddr,
    /// The files, each of which every repository and bucket has.
    #[arg(long)]
    folder: PathBuf,
    /// The token that clients must give; without it everybody may ask.
    #[arg(long)]
    token: Option<String>,
    /// The access key that S3 requests must be signed with; likewise.
    #[arg(long, requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// Its secret.
    #[arg(long, requires = "access_key_id")]
    secret_access_key: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-fake-hub: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(cli: Cli) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let access_key =
        cli.access_key_id.zip(cli.secret_access_key).map(|(id, secret)| AccessKey { id, secret });
    let options = Options { token: cli.token, access_key, storage: String::new() };
    let hub = Hub::start(cli.listen, options, Contents::below(&cli.folder)?).await?;
    println!("listening on {}", hub.address);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
