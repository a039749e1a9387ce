//! Files, the cluster, the terminal, exit codes.

use crate::args::{Cli, Color, Command, CostArgs, SizeArgs};
use crate::cluster;
use crate::error::{CliError, Exit};
use crate::explain::explain;
use crate::input;
use crate::render::{self, Look};
use crate::report::cost::costs;
use crate::report::{Report, report};
use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _};
use flotilla_operator::decide::placement;
use flotilla_operator::decide::sizing::presets;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Columns where the output is no terminal.
const DEFAULT_WIDTH: usize = 100;
/// Narrower terminals are treated as if they were this wide.
const LEAST_WIDTH: usize = 40;

/// Parses, runs, and says how it ended.
pub fn main() -> ExitCode {
    let wanted = if colors(Color::Auto) { ColorChoice::Auto } else { ColorChoice::Never };
    let parsed = Cli::command().color(wanted).try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        // Help and version are errors of a kind to clap; their exit code is 0.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Ok.into() };
        }
    };
    match run(&cli) {
        Ok(exit) => exit.into(),
        // Whoever reads has seen enough, as in `… | head`.
        Err(CliError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            Exit::Failed.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, CliError> {
    let look = Look { width: width(), color: colors(cli.color), all: false };
    match &cli.command {
        Command::Size(args) => return size(args, Look { all: args.all, ..look }),
        Command::Explain(args) => {
            let told = explain(args)?;
            if args.output.json() {
                // Plain strings and numbers: turning them into JSON cannot fail.
                print_json(&serde_json::to_value(&told).unwrap_or_default())?;
            } else {
                print(&render::explanation(&told, &look))?;
            }
        }
        Command::Presets(list) if list.output.json() => print_json(&render::presets_json(presets()))?,
        Command::Presets(_) => print(&render::presets_table(presets(), &look))?,
        Command::Gpus(list) if list.output.json() => print_json(&render::gpus_json(placement::gpus()))?,
        Command::Gpus(_) => print(&render::gpus_table(placement::gpus(), &look))?,
        Command::Cost(args) => cost(args, &look)?,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "kubectl-flotilla", &mut script);
            io::stdout().write_all(&script)?;
        }
    }
    Ok(Exit::Ok)
}

fn size(args: &SizeArgs, look: Look) -> Result<Exit, CliError> {
    let asked = args.gpu.as_deref().map(placement::gpu).transpose()?;
    let reports: Vec<Report> = input::subjects(args)?
        .iter()
        .map(|subject| report(subject, asked).map_err(CliError::from))
        .collect::<Result<_, _>>()?;
    if args.output.json() {
        print_json(&render::json(&reports))?;
    } else {
        let texts: Vec<_> = reports.iter().map(|report| render::human(report, &look)).collect();
        print(&texts.join("\n"))?;
    }
    let fits = reports.iter().filter_map(|report| report.asked).all(|verdict| verdict.fits);
    Ok(if fits { Exit::Ok } else { Exit::DoesNotFit })
}

fn cost(args: &CostArgs, look: &Look) -> Result<(), CliError> {
    let objects = match args.filename.as_slice() {
        [] => cluster::model_deployments(args)?,
        files => input::objects(files)?,
    };
    let costs = costs(&objects);
    if args.output.json() {
        print_json(&render::costs_json(&costs))
    } else {
        print(&render::costs_table(&costs, look))
    }
}

fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    print(&format!("{value:#}\n"))
}

/// See <https://no-color.org>.
fn colors(when: Color) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            io::stdout().is_terminal()
                && !set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
        }
    }
}

fn width() -> usize {
    let stated = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    stated.or_else(measured).filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH).max(LEAST_WIDTH)
}
