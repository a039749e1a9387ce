//! One gateway's process.

use super::{Kind, Starter};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a gateway may take to come up: under valgrind on a busy machine.
const START: Duration = Duration::from_mins(3);
/// How long it may take to end after SIGTERM.
const END: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// A gateway that runs; dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    kind: Kind,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Gateway {
    /// Starts `command` on the gateway's core, its output going to a log file.
    pub(super) fn spawn(
        starter: &Starter<'_>,
        kind: Kind,
        program: &Path,
        args: &[&str],
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut log = tempfile::Builder::new().prefix("log").tempfile_in(starter.folder)?;
        log.disable_cleanup(true);
        // Appending, so that the file can be emptied under the writer.
        let output = File::options().append(true).open(log.path())?;
        let mut command = match starter.cores {
            // taskset becomes the program: the process id stays.
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", &cores.gateway.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let child = command
            .args(args)
            .current_dir(starter.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started: is it installed?", program.display()))?;
        Ok(Self { kind, child, address, log: log.path().to_owned() })
    }

    /// Who it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it says its address in the log, as `find` reads it.
    pub(super) async fn announced(
        mut self,
        find: impl Fn(&str) -> Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let deadline = Instant::now() + START;
        loop {
            let log = fs::read_to_string(&self.log)?;
            if let Some(address) = log.lines().find_map(&find) {
                self.address = address;
                return Ok(self);
            }
            self.still_there(deadline, &log)?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until its port takes connections.
    pub(super) async fn listening(mut self) -> anyhow::Result<Self> {
        let deadline = Instant::now() + START;
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            let log = fs::read_to_string(&self.log)?;
            self.still_there(deadline, &log)?;
            tokio::time::sleep(POLL).await;
        }
        Ok(self)
    }

    fn still_there(&mut self, deadline: Instant, log: &str) -> anyhow::Result<()> {
        let name = self.kind.name();
        if let Some(status) = self.child.try_wait()? {
            bail!("{name} ended at its start ({status}): {log}");
        }
        anyhow::ensure!(Instant::now() < deadline, "{name} did not come up: {log}");
        Ok(())
    }

    /// CPU time of all its threads so far, to the nanosecond.
    ///
    /// # Errors
    /// It is gone.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanos = text.split(' ').next().and_then(|field| field.parse().ok()).context("schedstat")?;
            sum += Duration::from_nanos(nanos);
        }
        Ok(sum)
    }

    /// Time in the program and in the kernel on its behalf so far, in the kernel's ticks: coarse, but it is told apart.
    ///
    /// # Errors
    /// It is gone.
    pub fn ticks(&self) -> anyhow::Result<(u64, u64)> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name comes second, in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("stat")?;
        let mut fields = fields.split_ascii_whitespace().skip(11).map(str::parse);
        let mut next = || fields.next().context("stat")?.context("stat");
        Ok((next()?, next()?))
    }

    /// Its resident memory in MiB.
    ///
    /// # Errors
    /// It is gone.
    pub fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Empties its log, which may have grown by a line per request.
    pub(crate) fn empty_log(&self) -> std::io::Result<()> {
        File::options().write(true).open(&self.log)?.set_len(0)
    }

    /// Ends it in peace and waits until it is gone.
    ///
    /// # Errors
    /// It does not end.
    pub async fn end(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + END;
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(Instant::now() < deadline, "{} does not end", self.kind.name());
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
