//! docs/cli.md is what `--help` says, and transcripts in the documentation are what the command prints.
//! `FLOTILLA_UPDATE=1 cargo test -p flotilla-cli` writes them anew.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use clap::{Command, CommandFactory as _};
use flotilla_cli::args::Cli;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// How a transcript begins.
const PROMPT: &str = "```console\n$ kubectl flotilla ";
const FENCE: &str = "```";

fn section(command: &mut Command, page: &mut String) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let _ = writeln!(page, "\n```\n{}\n```", help.join("\n").trim_end());
}

/// Compares a page with what it should be, or writes it.
fn settle(path: &Path, page: &str) {
    if std::env::var_os("FLOTILLA_UPDATE").is_some() {
        std::fs::write(path, page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "{} is stale: run FLOTILLA_UPDATE=1 cargo test -p flotilla-cli and commit",
        path.display()
    );
}

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn the_reference_of_commands_is_fresh() {
    let mut text = String::from(
        "# kubectl flotilla\nGenerated from cli/src/args: `FLOTILLA_UPDATE=1 cargo test -p flotilla-cli`. \
         `make install-cli` installs it.\n",
    );
    let mut cli = Cli::command();
    cli.build();
    section(&mut cli, &mut text);
    let names: Vec<_> = cli.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        let _ = writeln!(text, "\n## {name}");
        section(cli.find_subcommand_mut(name).unwrap(), &mut text);
    }
    settle(&page("docs/cli.md"), &text);
}

#[test]
fn transcripts_are_what_the_command_prints() {
    for name in ["README.md", "docs/sizing.md"] {
        let committed = std::fs::read_to_string(page(name)).unwrap();
        let mut pieces = committed.split(PROMPT);
        let mut text = pieces.next().unwrap().to_owned();
        let mut transcripts = 0;
        for piece in pieces {
            let (line, rest) = piece.split_once('\n').unwrap();
            let (_, after) = rest.split_once(FENCE).unwrap();
            let _ = write!(text, "{PROMPT}{line}\n{}{FENCE}{after}", printed(line));
            transcripts += 1;
        }
        assert!(transcripts > 0, "{name} shows the command");
        settle(&page(name), &text);
    }
}

fn printed(line: &str) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_kubectl-flotilla"))
        .args(line.split_whitespace())
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
