//! The command line.

mod cost;
mod explain;
mod help;
mod reading;
mod size;
mod values;

pub use cost::CostArgs;
pub use explain::{ExplainArgs, Policy};
pub use reading::Reading;
pub use size::{EngineName, SizeArgs, Source};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Says what models need, which GPUs they fit on, what they cost, and where requests would go.
// The texts have their line breaks: clap would wrap them anew wherever another crate of a build asks it to.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-flotilla",
    bin_name = "kubectl flotilla",
    version,
    after_help = help::EXIT_CODES,
    term_width = 0
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Use colours: always, never, or auto (on a terminal, unless NO_COLOR is set).
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Color,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say how much GPU memory a model needs, term by term, and which GPUs it fits on.
    #[command(long_about = help::SIZE, after_long_help = help::SIZE_EXAMPLES, after_help = help::SIZE_SHORT)]
    Size(Box<SizeArgs>),
    /// Say what a routing policy would do with a request, without sending it.
    #[command(long_about = help::EXPLAIN, after_long_help = help::EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainArgs>),
    /// List the models that are known by name.
    Presets(ListArgs),
    /// List the GPUs that are known by name: memory, bandwidth, price.
    Gpus(ListArgs),
    /// Say what models cost, and what their tokens would cost outside.
    #[command(long_about = help::COST)]
    Cost(CostArgs),
    /// Print a completion script for a shell.
    #[command(long_about = help::COMPLETION)]
    Completion {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// How to list.
#[derive(Args, Clone, Copy, Debug)]
pub struct ListArgs {
    /// The form of the output.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The form of the output.
#[derive(Args, Clone, Copy, Debug)]
pub struct OutputArgs {
    /// The form of the output: table or json.
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    output: Output,
    /// The same as `-o json`.
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl OutputArgs {
    /// Whether programs read it.
    pub const fn json(self) -> bool {
        self.json || matches!(self.output, Output::Json)
    }
}

/// For whom the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
