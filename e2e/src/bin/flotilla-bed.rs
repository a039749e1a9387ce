//! `flotilla-bed`: a real Kubernetes with GPU-labelled nodes on this machine, and the images for it.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use flotilla_e2e::{
    bed::{self, Devices, Health, NODES, Outcome, Paths, SPARES},
    command,
    error::Result,
    images,
};

/// A real Kubernetes with three GPU-labelled nodes on this machine, without a container engine.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compile Kubernetes, containerd and the other Go programs into the cache.
    Build,
    /// Bring the bed up; a healthy one is left alone, a crashed one is cleaned and made anew.
    Up,
    /// Take the bed down; nothing but the cache is left.
    Down,
    /// Say whether the bed is up and what its nodes offer.
    Status,
    /// Build the images and push them to the bed's registry or another.
    Images {
        /// Registry, and repository prefix if any, to push to.
        #[arg(long, default_value = bed::REGISTRY)]
        registry: String,
        /// Only these images.
        #[arg(long, value_delimiter = ',', value_parser = images::NAMES)]
        only: Vec<String>,
        /// Allow a registry without TLS (always so for the bed's own).
        #[arg(long)]
        insecure: bool,
    },
    /// Print shell lines that point kubectl and the other tools at the bed.
    Env,
    /// Make a node offer another number of GPUs.
    Gpus {
        /// Node.
        #[arg(value_parser = NODES.iter().map(|node| node.name).collect::<Vec<_>>())]
        node: String,
        /// How many `nvidia.com/gpu`.
        count: u32,
    },
    /// Let another node join: with a large card, or with partitions of one.
    Join {
        /// Node.
        #[arg(value_parser = SPARES.iter().map(|node| node.name).collect::<Vec<_>>())]
        node: String,
    },
    /// Take a node that has joined away again.
    Leave {
        /// Node.
        #[arg(value_parser = SPARES.iter().map(|node| node.name).collect::<Vec<_>>())]
        node: String,
    },
    /// Offer a node's cards as devices of DRA, or no longer.
    Dra {
        /// Node.
        #[arg(value_parser = NODES.iter().map(|node| node.name).collect::<Vec<_>>())]
        node: String,
        /// How.
        devices: Dra,
    },
    /// Make a daemon stand still for a while, as a machine that hangs.
    Pause {
        /// Daemon, for example kube-apiserver.
        daemon: String,
        /// For how long.
        #[arg(value_parser = clap::value_parser!(u64).range(1..=120))]
        seconds: u64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dra {
    /// A claim has a whole card.
    Exclusive,
    /// Claims have a part of one card's memory each.
    Shared,
    /// No devices.
    Off,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().action) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("flotilla-bed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(action: &Action) -> Result<ExitCode> {
    let paths = Paths::from_env()?;
    match action {
        Action::Build => bed::build_tools(&paths)?,
        Action::Up => up(&paths)?,
        Action::Down => bed::down(&paths)?,
        Action::Status => return status(&paths),
        Action::Images { registry, only, insecure } => {
            images::build_and_push(&paths, registry, only, *insecure || registry == bed::REGISTRY)?;
        }
        Action::Env => print!("{}", bed::environment(&paths)?),
        Action::Pause { daemon, seconds } => bed::pause(&paths, daemon, Duration::from_secs(*seconds))?,
        Action::Join { node } => {
            SPARES.iter().filter(|spare| spare.name == node).try_for_each(|node| bed::join(&paths, node))?;
        }
        Action::Leave { node } => {
            SPARES.iter().filter(|spare| spare.name == node).try_for_each(|node| bed::leave(&paths, node))?;
        }
        Action::Dra { node, devices } => {
            NODES.iter().filter(|of| of.name == node).try_for_each(|node| match devices {
                Dra::Exclusive => bed::start_dra(&paths, node, Devices::Exclusive),
                Dra::Shared => bed::start_dra(&paths, node, Devices::Shared),
                Dra::Off => bed::stop_dra(&paths, node),
            })?;
        }
        Action::Gpus { node, count } => bed::advertise(&paths, node, *count)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(paths: &Paths) -> Result<()> {
    match bed::up(paths)? {
        Outcome::Reused => println!("The bed is up already (left as it is)."),
        Outcome::Made => println!("The bed is up."),
    }
    println!("  export KUBECONFIG={}", paths.admin_kubeconfig().display());
    Ok(())
}

fn status(paths: &Paths) -> Result<ExitCode> {
    match bed::health(paths)? {
        Health::Up => {
            let mut kubectl = bed::kubectl(paths)?;
            kubectl.args(["get", "nodes", "-L", "nvidia.com/gpu.product,nvidia.com/gpu.memory"]);
            print!("{}", command::output(&mut kubectl)?);
            Ok(ExitCode::SUCCESS)
        }
        Health::Down => {
            println!("The bed is down.");
            Ok(ExitCode::from(3))
        }
        Health::Broken(why) => {
            println!(
                "The bed is broken: {why}. `flotilla-bed up` makes it anew; logs are in {}.",
                paths.logs().display()
            );
            Ok(ExitCode::from(4))
        }
    }
}
