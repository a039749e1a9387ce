//! `make demo`: sets up what is missing, runs the main job, prints it, writes `target/demo/summary.json` and a picture.

use clap::Parser;
use flotilla_e2e::bed::{self, Paths, repository};
use flotilla_e2e::demo::{self, Cluster};
use flotilla_e2e::error::{Error, FileContext as _, Result};
use flotilla_e2e::images;
use std::path::PathBuf;
use std::process::ExitCode;

/// Shows Flotilla at work: on a bed of its own, or on a cluster of yours.
///
/// Without arguments it builds the bed (the first time compiles Kubernetes, about 10 minutes) and every image.
#[derive(Debug, Parser)]
#[command(name = "flotilla-demo")]
struct Cli {
    /// Use this cluster instead of the bed. Its nodes need the labels nvidia.com/gpu.memory and nvidia.com/gpu.product
    /// and GPUs to offer; kubectl and helm are taken from the path.
    #[arg(long, value_name = "FILE", requires = "registry")]
    kubeconfig: Option<PathBuf>,
    /// Where that cluster pulls images from; fill it with `make images REGISTRY=…`.
    #[arg(long, value_name = "HOST/PREFIX")]
    registry: Option<String>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let cluster = if let (Some(kubeconfig), Some(registry)) = (&cli.kubeconfig, &cli.registry) {
        Cluster::given(kubeconfig.clone(), registry.clone())
    } else {
        bed()?
    };
    let outcome = demo::run(&cluster)?;
    let folder = repository().join("target/demo");
    let summary = serde_json::to_string_pretty(&outcome.summary)
        .map_err(|source| Error::Json { what: "the summary".to_owned(), source })?;
    std::fs::create_dir_all(&folder).context("create", &folder)?;
    for (name, content) in [("summary.json", summary + "\n"), ("report.svg", outcome.picture)] {
        let file = folder.join(name);
        std::fs::write(&file, content).context("write", &file)?;
    }
    print!("{}", outcome.report);
    println!("The figures are in {}.", folder.join("summary.json").display());
    Ok(())
}

/// The bed, up, with every image.
fn bed() -> Result<Cluster> {
    let paths = Paths::from_env()?;
    bed::up(&paths)?;
    // Tests that ran on this bed may have left it with more cards than it has.
    for node in bed::NODES {
        bed::advertise(&paths, node.name, node.gpu.count)?;
    }
    images::build_and_push(&paths, bed::REGISTRY, &[], true)?;
    Cluster::bed(&paths)
}
