//! Faults on demand: a daemon of the bed that stands still, a container that is killed.

use std::{fs, time::Duration};

use rustix::process::Signal;

use super::{
    paths::Paths,
    process::{Daemon, kill_if},
    wait,
};
use crate::error::{Error, Result};

/// Stops a daemon (`kube-apiserver`, …) for a while. Its connections stay open and nothing is answered, as when a
/// machine hangs.
///
/// # Errors
/// If there is no such daemon.
pub fn pause(paths: &Paths, daemon: &str, duration: Duration) -> Result<()> {
    let all = Daemon::recorded(paths);
    let Some(daemon) = all.iter().find(|recorded| recorded.name() == daemon) else {
        let names: Vec<_> = all.iter().map(Daemon::name).collect();
        return Err(Error::Content(format!(
            "the bed runs no daemon {daemon}; there are {}",
            names.join(", ")
        )));
    };
    daemon.signal(Signal::STOP);
    let _go_on = GoOn(daemon);
    wait::pause(duration);
    Ok(())
}

/// Lets a daemon go on, also when its pause is cut short by a panic.
struct GoOn<'a>(&'a Daemon);

impl Drop for GoOn<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

/// Kills the processes of a pod whose command line names `program`, as the kernel does when memory runs out: no
/// handler runs, nothing is released. Returns how many there were.
///
/// # Errors
/// If /proc cannot be read.
pub fn kill_in_pod(pod_uid: &str, program: &str) -> Result<usize> {
    let belongs = |pid: i32| {
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        cgroup.contains(pod_uid) && command.contains(program)
    };
    let entries = fs::read_dir("/proc").map_err(|source| Error::File {
        action: "read",
        path: "/proc".into(),
        source,
    })?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let found: Vec<i32> = pids.filter(|pid| belongs(*pid)).collect();
    for pid in &found {
        kill_if(*pid, || belongs(*pid));
    }
    Ok(found.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_not_there_is_named_with_those_that_are() {
        let state = tempfile::tempdir().unwrap();
        let paths = Paths { cache: state.path().to_owned(), state: state.path().to_owned() };
        let error = pause(&paths, "kube-apiserver", Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("no daemon kube-apiserver"), "{error}");
    }
}
