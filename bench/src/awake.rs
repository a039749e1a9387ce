//! Keeps cores from halting while nothing else runs on them.
//!
//! A request that is alone finds every core asleep at each step of its way. To wake a halted virtual core takes longer
//! than any gateway takes for a request, and would be all that is seen. A process that spins in the scheduler's idle
//! class makes way at once for anybody else, and its core never halts.

use crate::cores::Cores;
use anyhow::Context;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The subcommand of this program that spins.
pub const COMMAND: &str = "stay-awake";
/// Nobody needs it for longer.
const LONGEST: Duration = Duration::from_mins(10);

/// Cores that are kept awake until this is dropped.
#[derive(Debug)]
pub struct Awake(Vec<Child>);

impl Awake {
    /// One process for each core.
    ///
    /// # Errors
    /// `taskset` or `chrt` cannot be started.
    pub fn keep(cores: Cores) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut awake = Self(Vec::new());
        for core in [cores.load, cores.gateway] {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", &core.to_string(), "chrt", "--idle", "0"]).arg(&program).arg(COMMAND);
            // It ends when this end of the pipe is closed, however that comes about.
            let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
            awake.0.push(child.context("taskset and chrt are of util-linux")?);
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Gone already is as good.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Spins until standard input ends.
pub fn spin() {
    let reader = std::thread::spawn(|| std::io::stdin().read(&mut [0]).is_ok());
    let began = Instant::now();
    while !reader.is_finished() && began.elapsed() < LONGEST {
        for _ in 0..10_000 {
            std::hint::spin_loop();
        }
    }
}
