//! Running programs to their end.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Command, Stdio},
};

use crate::error::{Error, Result};

/// How many bytes of a failed program's output an error shows.
const SHOWN: usize = 4000;

/// A command with arguments, in one expression.
pub fn command<I, S>(program: impl AsRef<OsStr>, args: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Runs to the end and returns standard output.
///
/// # Errors
/// If the program cannot be started or ends with an error; the error carries what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Start { command: shown.clone(), source })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let text = [done.stdout, done.stderr].concat();
    Err(Error::Command { command: shown, status: done.status, output: tail(&String::from_utf8_lossy(&text)) })
}

/// Runs to the end with `input` on standard input and returns standard output.
///
/// # Errors
/// As [`output`].
pub fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    let shown = show(command);
    let start = |source| Error::Start { command: shown.clone(), source };
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says so by its exit status.
        let _ = stdin.write_all(input.as_bytes());
    }
    let done = child.wait_with_output().map_err(start)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let text = [done.stdout, done.stderr].concat();
    Err(Error::Command { command: shown, status: done.status, output: tail(&String::from_utf8_lossy(&text)) })
}

/// Whether the program ends well; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command line as a person would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The last [`SHOWN`] bytes, cut at a character.
pub fn tail(text: &str) -> String {
    let text = text.trim_end();
    let mut start = text.len().saturating_sub(SHOWN);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_shown_with_what_it_printed() {
        let error =
            output(&mut command("sh", ["-c", "echo out; echo why >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("out\nwhy"), "{error}");
    }

    #[test]
    fn a_tail_never_splits_a_character() {
        let text = "ä".repeat(SHOWN);
        assert!(tail(&text).chars().all(|c| c == 'ä'));
    }
}
