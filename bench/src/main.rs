//! `flotilla-bench`: see `make bench`.

use anyhow::Context;
use clap::{Parser, Subcommand};
use flotilla_bench::cores::Cores;
use flotilla_bench::gateway::{Peer, Starter};
use flotilla_bench::suite::{self, Effort};
use flotilla_bench::{awake, facts, plain_proxy};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Measures flotilla-router beside nginx, HAProxy and a plain hyper proxy.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The router's program, as built for release; by default the one beside this program.
    #[arg(long, value_name = "FILE")]
    router: Option<PathBuf>,
    /// Fewer and shorter turns.
    #[arg(long)]
    quick: bool,
    /// Only cases whose name holds this, such as "300 B, 32"; no memory, scaling or instructions.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Other gateways to measure beside: litellm, sglang-router, vllm-router; those that are not in PATH are named as
    /// absent.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peers: Vec<String>,
    /// Write the page here as well.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a core from halting until standard input ends.
    StayAwake,
    /// Be the plain hyper proxy in front of an upstream.
    PlainProxy {
        /// Where it listens.
        upstream: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        match cli.command {
            Some(Command::PlainProxy { upstream }) => plain_proxy::serve(upstream).await,
            Some(Command::StayAwake) => {
                awake::spin();
                Ok(())
            }
            None => {
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                // Leaving by here drops, and so ends, every gateway.
                tokio::select! {
                    result = measure(&cli) => result,
                    _ = terminate.recv() => anyhow::bail!("terminated"),
                    _ = interrupt.recv() => anyhow::bail!("interrupted"),
                }
            }
        }
    })
}

async fn measure(cli: &Cli) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cores = Cores::pick()?;
    match cores {
        Some(cores) => cores.pin_load()?,
        None => eprintln!("there is one core only: load and gateway share it, and rates mean little"),
    }
    raise_file_limit()?;
    let beside = || Some(std::env::current_exe().ok()?.with_file_name("flotilla-router"));
    let router =
        cli.router.clone().or_else(beside).context("where is flotilla-router? Give --router FILE")?;
    let starter = Starter { folder: folder.path(), router: &router, cores };
    let (rounds, seconds) = if cli.quick { (3, 0.4) } else { (5, 0.6) };
    let peers = cli.peers.iter().map(|name| Peer::named(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let effort = Effort { only: cli.only.as_deref(), rounds, seconds, peers: &peers };
    let results = suite::run(&starter, effort).await?;
    let page = results.page(&facts::lines(&peers));
    println!("{page}");
    if let Some(path) = &cli.write {
        std::fs::write(path, &page).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// A thousand streams are two thousand sockets for a gateway, which inherits the limit.
fn raise_file_limit() -> std::io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
