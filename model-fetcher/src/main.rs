//! `flotilla-fetch`: see `flotilla-fetch --help`.

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use flotilla_model_fetcher::{Cli, Command, FetchError, Hold, Meter, Options, fetch, hold, print};
use flotilla_model_source::report::{Cause, Failure};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match (cli.command, cli.options) {
        (Some(Command::Hold(options)), _) => keep(&options).await,
        (None, Some(options)) => bring(&options).await,
        (None, None) => {
            Cli::command().error(ErrorKind::MissingRequiredArgument, "--source is missing").exit()
        }
    }
}

/// Until it is told to stop: that is how it succeeds.
async fn keep(options: &Hold) -> ExitCode {
    let stopped = match stopped() {
        Ok(stopped) => stopped,
        Err(error) => {
            eprintln!("flotilla-fetch: {error}");
            return ExitCode::FAILURE;
        }
    };
    tokio::select! {
        result = hold(&options.cache, &options.folders) => {
            if let Err(error) = result {
                eprintln!("flotilla-fetch: {error}");
            }
            ExitCode::FAILURE
        }
        () = stopped => ExitCode::SUCCESS,
    }
}

async fn bring(options: &Options) -> ExitCode {
    let meter = Arc::new(Meter::default());
    let printer = AbortOnDropHandle::new(tokio::spawn(print(meter.clone())));
    let result = run(options, &meter).await;
    drop(printer);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flotilla-fetch: {}", failure.message);
            tell(&options.termination_file, &failure);
            ExitCode::from(failure.cause.exit_code())
        }
    }
}

async fn run(options: &Options, meter: &Arc<Meter>) -> Result<(), Failure> {
    let failed = |cause, message| Failure { cause, message, bytes: meter.bytes() };
    let job = options.job().map_err(|error| failed(Cause::Failed, error.to_string()))?;
    let stopped = stopped().map_err(|error| failed(Cause::Failed, error.to_string()))?;
    let result = tokio::select! {
        result = fetch(&job, meter) => result,
        () = stopped => Err(FetchError::Stopped),
    };
    result.map_err(|error| failed(error.cause(), error.to_string()))
}

/// Resolves when the kubelet, or a person, asks for the end.
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Leaves the cause where the kubelet takes it into the pod's status. Its absence is not worth another failure.
fn tell(file: &Path, failure: &Failure) {
    let text = serde_json::to_string(failure).unwrap_or_default();
    if let Err(error) = std::fs::write(file, text) {
        eprintln!("flotilla-fetch: the cause could not be written to {}: {error}", file.display());
    }
}
