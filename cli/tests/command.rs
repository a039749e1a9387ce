//! The real binary: what it prints, how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "command/bad_input.rs"]
mod bad_input;
#[path = "command/cost.rs"]
mod cost;
#[path = "command/explain.rs"]
mod explain;
#[path = "command/lists.rs"]
mod lists;
#[path = "command/model_file.rs"]
mod model_file;
#[path = "command/remote.rs"]
mod remote;
#[path = "command/server.rs"]
mod server;
#[path = "command/size.rs"]
mod size;
#[path = "command/source.rs"]
mod source;

use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// How a command ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Asserts an exit code of 2, nothing on standard output, and each of `pieces` in the message.
    fn refused(&self, pieces: &[&str]) {
        assert_eq!(self.code, 2, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        for piece in pieces {
            assert!(self.stderr.contains(piece), "{piece:?} is not in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// `kubectl flotilla` with arguments that have no spaces.
fn flotilla(line: &str) -> Ended {
    with_stdin(line, "")
}

fn with_stdin(line: &str, stdin: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-flotilla"))
        .args(line.split_whitespace())
        .env_remove("COLUMNS")
        .env_remove("HF_TOKEN")
        .env_remove("AWS_ACCESS_KEY_ID")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
