//! Daemons: started detached into the bed's cgroup, written down with their start time, and stopped by exactly
//! that record, so that a recycled pid is never signalled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::{cgroup, paths::Paths, wait};
use crate::{
    command,
    error::{Error, FileContext, Result},
};

/// A process that runs on after the program that started it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Daemon {
    name: String,
    pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks between boot and the start.
    start_ticks: u64,
    /// Start ticks count from a boot: after another boot the record means nothing.
    boot: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` with its output in `logs/NAME.log`.
    ///
    /// # Errors
    /// If it cannot be started, or ended at once.
    pub(super) fn start(paths: &Paths, name: &str, program: &Command) -> Result<Self> {
        let log = paths.logs().join(format!("{name}.log"));
        let file = fs::File::create(&log).context("create", &log)?;
        // The shell moves itself into the cgroup and becomes the program: children cannot escape the move.
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(cgroup::daemons_file());
        shell.arg(program.get_program()).args(program.get_args());
        shell.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.current_dir(&paths.state);
        shell.stdin(Stdio::null()).stderr(file.try_clone().context("open", &log)?).stdout(file);
        // Its own process group: Ctrl-C in the terminal that started the bed is not meant for it.
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let child =
            shell.spawn().map_err(|source| Error::Start { command: command::show(program), source })?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        let daemon = Self {
            name: name.to_owned(),
            pid,
            start_ticks: start_ticks(pid).unwrap_or(0),
            boot: boot(),
            log,
        };
        let record = paths.daemons().join(format!("{name}.json"));
        let text = serde_json::to_vec(&daemon)
            .map_err(|source| Error::Json { what: record.display().to_string(), source })?;
        fs::write(&record, text).context("write", &record)?;
        Ok(daemon)
    }

    /// All daemons that were written down.
    pub(super) fn recorded(paths: &Paths) -> Vec<Self> {
        let entries = fs::read_dir(paths.daemons()).into_iter().flatten().flatten();
        let texts = entries.filter_map(|entry| fs::read(entry.path()).ok());
        texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect()
    }

    /// Ends some of them and forgets them; ends them at once where `patience` is zero.
    pub(super) fn end(paths: &Paths, patience: Duration, which: impl Fn(&str) -> bool) {
        let mut daemons = Self::recorded(paths);
        daemons.retain(|daemon| which(&daemon.name));
        if patience.is_zero() {
            for daemon in &daemons {
                daemon.signal(Signal::KILL);
            }
        }
        Self::stop_all(&daemons, patience.max(Duration::from_secs(3)));
        for daemon in daemons {
            let _ = fs::remove_file(paths.daemons().join(format!("{}.json", daemon.name)));
        }
    }

    /// Its name, which is also its log's.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its log file.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Whether this very process still runs.
    pub(super) fn is_alive(&self) -> bool {
        self.boot == boot() && start_ticks(self.pid) == Some(self.start_ticks) && !is_zombie(self.pid)
    }

    /// The error for a daemon that is gone although it should run.
    pub(super) fn ended(&self) -> Error {
        let tail = fs::read_to_string(&self.log).map(|log| command::tail(&log)).unwrap_or_default();
        Error::Ended { name: self.name.clone(), log: self.log.clone(), tail }
    }

    /// Ends the daemons together: SIGTERM, and SIGKILL to those that are still there after `patience`.
    pub(super) fn stop_all(daemons: &[Self], patience: Duration) {
        for daemon in daemons {
            daemon.signal(Signal::TERM);
        }
        if !wait::until(patience, || daemons.iter().all(|daemon| !daemon.is_alive())) {
            for daemon in daemons {
                daemon.signal(Signal::KILL);
            }
            wait::until(patience, || daemons.iter().all(|daemon| !daemon.is_alive()));
        }
    }

    /// The handle is taken before the identity is checked, so the pid cannot be recycled in between.
    pub(super) fn signal(&self, signal: Signal) {
        let Some(handle) = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        else {
            return;
        };
        if self.is_alive() {
            // It may have ended by itself: that is what we want.
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

/// Sends SIGKILL to a process if, once a handle is held, `still_ours` confirms it.
pub(super) fn kill_if(pid: i32, still_ours: impl FnOnce() -> bool) {
    let Some(handle) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return;
    };
    if still_ours() {
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// The fields after the program's name, which may itself hold spaces and brackets.
fn stat(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ").map(|(_, fields)| fields.to_owned())
}

fn start_ticks(pid: i32) -> Option<u64> {
    // `starttime` is field 22; the first after the name is field 3.
    stat(pid)?.split(' ').nth(22 - 3)?.parse().ok()
}

fn is_zombie(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| fields.starts_with('Z'))
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pid: i32, start_ticks: u64) -> Daemon {
        Daemon { name: "sleep".into(), pid, start_ticks, boot: boot(), log: "/dev/null".into() }
    }

    #[test]
    fn a_recycled_pid_is_neither_alive_nor_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let ticks = start_ticks(pid).unwrap();

        let stranger = record(pid, ticks + 1);
        assert!(!stranger.is_alive());
        stranger.signal(Signal::KILL);
        assert!(child.try_wait().unwrap().is_none(), "a process with another start time was killed");

        let ours = record(pid, ticks);
        assert!(ours.is_alive());
        ours.signal(Signal::KILL);
        child.wait().unwrap();
        assert!(!ours.is_alive());
    }
}
