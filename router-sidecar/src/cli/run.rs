//! Wiring: a source, two listeners, and an orderly end.

use super::drain::{Drain, Signals};
use super::{Cli, Command, ServeArgs, memory};
use crate::account::Metrics;
use crate::serve::{self, Limits, ListenerLimits, Router, Stop};
use crate::snapshot::Store;
use crate::source::file::{ConfigFile, FileError};
use crate::source::{file, operator};
use crate::spans::{self, Tracer};
use crate::telemetry;
use clap::CommandFactory;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Why the router did not start, or a check failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Neither source is given.
    #[error("where does the config come from? Give --config FILE or --operator URL (see --help)")]
    NoSource,
    /// The certificate authority of the operator is not given.
    #[error("--operator needs --ca-pem-file FILE or the environment variable FLOTILLA_CA_PEM")]
    NoAuthority,
    /// The file of the certificate authority cannot be read.
    #[error("{}: {source}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operator's address or certificate authority is unusable.
    #[error(transparent)]
    Operator(#[from] operator::EndpointError),
    /// The config file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// A port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Threads or signals cannot be had.
    #[error("the process cannot be set up: {0}")]
    Process(io::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Client(#[from] crate::upstream::ClientError),
    /// Spans cannot be sent.
    #[error(transparent)]
    Spans(#[from] spans::CollectorError),
    /// Metrics cannot be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Where the config comes from.
enum Source {
    File(ConfigFile),
    Operator(operator::Endpoint),
}

/// Does what the command line says.
///
/// # Errors
/// See [`RunError`]; nothing is left running.
pub fn run(cli: Cli) -> Result<(), RunError> {
    match cli.command {
        Some(Command::Check { config }) => check(&config),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "flotilla-router", &mut io::stdout());
            Ok(())
        }
        None => {
            let lines = telemetry::init(cli.serve.log_format);
            let runtime = runtime(cli.serve.workers()).map_err(RunError::Process)?;
            // Ends with the runtime.
            runtime.spawn(lines.clone().flush_when_due());
            let result = runtime.block_on(serve(cli.serve));
            lines.flush_now();
            result
        }
    }
}

fn check(path: &Path) -> Result<(), RunError> {
    let store = Store::new(Arc::new(Metrics::new()?));
    if let Some(applied) = ConfigFile::new(path.to_owned()).refresh(&store)? {
        println!("{}: {} policies, {} models, no mistakes", path.display(), applied.policies, applied.models);
    }
    Ok(())
}

fn runtime(workers: usize) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(workers);
        builder
    };
    // Name lookups and file reads only. There is one of these for each that runs at the same time, and it ends when it
    // had nothing to do for 10 s; lookups of upstreams take three quarters of them at most.
    builder.enable_all().max_blocking_threads(64).build()
}

async fn serve(args: ServeArgs) -> Result<(), RunError> {
    let source = source(&args)?;
    let metrics = Arc::new(Metrics::new()?);
    let store = Arc::new(Store::new(Arc::clone(&metrics)));
    let source = match source {
        Source::File(mut config) => {
            // A file that is wrong at the start has no good one before it: say so and end.
            config.refresh(&store)?;
            Source::File(config)
        }
        operator @ Source::Operator(_) => operator,
    };
    let limits = Limits {
        body: args.max_body_bytes,
        buffered: args.max_buffered_bytes.unwrap_or_else(memory::for_bodies),
        ..Limits::default()
    };
    let (tracer, export) = match args.spans() {
        Some(destination) => {
            let (queue, export) = spans::queue(destination.exporter()?, metrics.spans.clone());
            (Some(Arc::new(Tracer::new(queue))), Some(export))
        }
        None => (None, None),
    };
    let router = Arc::new(Router::new(store, metrics, limits)?.with_tracer(tracer));
    let data = listen(args.listen).await?;
    let admin = match args.admin_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let mut signals = Signals::new().map_err(RunError::Process)?;
    let address = |listener: &TcpListener| listener.local_addr().map_err(RunError::Process);
    // The real ones: a port of 0 lets the kernel choose.
    let admin_address = admin.as_ref().map(address).transpose()?;
    tracing::info!(listen = %address(&data)?, admin = admin_address.map(tracing::field::display), "serving");

    let (stop_data, stop_rest) = (Stop::from(CancellationToken::new()), CancellationToken::new());
    let bounds =
        ListenerLimits { connections_per_client: args.max_streams_per_client, ..ListenerLimits::default() };
    let data = tokio::spawn(serve::serve(
        Arc::clone(&router),
        data,
        bounds,
        |router, request| async move { serve::data_service(&router, request).await },
        stop_data.clone(),
    ));
    let admin = admin.map(|admin| {
        tokio::spawn(serve::serve(
            Arc::clone(&router),
            admin,
            bounds,
            |router, request| async move { serve::admin_service(&router, request).await },
            stop_rest.clone(),
        ))
    });
    let pools = tokio::spawn(crate::upstream::close_idle(Arc::clone(&router.store), stop_rest.clone()));
    let config = tokio::spawn(follow(source, Arc::clone(&router), stop_rest.clone()));
    let export = export.map(|export| tokio::spawn(export.run(stop_rest.clone())));

    signals.next().await;
    let drain = Drain { delay: args.drain_delay(), deadline: args.drain_timeout };
    drain.run(&router, &mut signals, &stop_data, data).await;
    // The source goes last: what was just settled is still reported. Its own end takes no time.
    stop_rest.cancel();
    for task in admin.into_iter().chain([config, pools]) {
        if tokio::time::timeout(LAST_STEPS, task).await.is_err() {
            tracing::debug!("a task did not end in time");
        }
    }
    if let Some(export) = export
        && tokio::time::timeout(LAST_SPANS, export).await.is_err()
    {
        tracing::warn!("the last spans were not sent in time");
    }
    Ok(())
}

/// For the spans that wait at the end. With the drain's 25 s and the last steps this is within the grace period, 30 s.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// For what is left after the drain.
pub(super) const LAST_STEPS: Duration = Duration::from_secs(1);

async fn follow(source: Source, router: Arc<Router>, stop: CancellationToken) {
    match source {
        Source::File(config) => file::watch(config, &router.store, &router.metrics, stop).await,
        Source::Operator(endpoint) => operator::follow(endpoint, &router.store, &router.metrics, stop).await,
    }
}

fn source(args: &ServeArgs) -> Result<Source, RunError> {
    if let Some(path) = &args.config {
        return Ok(Source::File(ConfigFile::new(path.clone())));
    }
    let url = args.operator.as_deref().ok_or(RunError::NoSource)?;
    let pem = match (&args.ca_pem, &args.ca_pem_file) {
        (Some(pem), _) => pem.clone(),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map_err(|source| RunError::Authority { path: path.clone(), source })?,
        (None, None) => return Err(RunError::NoAuthority),
    };
    let endpoint = operator::Endpoint::new(url, &pem, args.token_file.clone())?;
    Ok(Source::Operator(endpoint))
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}
