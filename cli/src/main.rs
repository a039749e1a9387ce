//! The binary: `kubectl flotilla …`. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    flotilla_cli::main()
}
