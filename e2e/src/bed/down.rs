//! Taking the bed down, whole or in pieces.

use std::{fs, path::Path, time::Duration};

use super::{cgroup, containerd, kubelet, lock, network, paths::Paths, process::Daemon};
use crate::{
    command,
    error::{FileContext, Result},
    progress::Step,
};

/// Ends every process and removes every trace outside the cache. Works on a healthy, a crashed and no bed.
///
/// # Errors
/// If another command is at work, or a file cannot be removed.
pub fn down(paths: &Paths) -> Result<()> {
    let _lock = lock::acquire()?;
    clean(paths)
}

/// [`down`] for a caller that holds the lock.
///
/// # Errors
/// If a file cannot be removed.
pub(super) fn clean(paths: &Paths) -> Result<()> {
    let step = Step::start("take the bed down");
    Daemon::stop_all(&first_to_go(paths), Duration::from_secs(3));
    Daemon::stop_all(&Daemon::recorded(paths), Duration::from_secs(3));
    // What is left now are containers and their shims.
    cgroup::destroy();
    unmount(&paths.state);
    network::destroy();
    remove_empty_netns_mount();
    containerd::remove_notes();
    kubelet::remove_traces(paths);
    if paths.state.exists() {
        fs::remove_dir_all(&paths.state).context("remove", &paths.state)?;
    }
    step.done();
    Ok(())
}

/// kubelets first, so that they start nothing new; the rest together.
fn first_to_go(paths: &Paths) -> Vec<Daemon> {
    let mut daemons = Daemon::recorded(paths);
    daemons.retain(|daemon| daemon.name().ends_with("-kubelet"));
    daemons
}

/// Unmounts everything below a folder, the innermost first.
pub(super) fn unmount(folder: &Path) {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for point in mounts_below(&table, folder).iter().rev() {
        command::succeeds(&mut command::command("umount", ["--lazy", point]));
    }
}

/// Mount points below a folder in the order of `/proc/self/mountinfo`.
fn mounts_below(table: &str, folder: &Path) -> Vec<String> {
    // Field 5 is the mount point, with blanks as \040.
    let points =
        table.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| point.replace("\\040", " "));
    points.filter(|point| Path::new(point).starts_with(folder)).collect()
}

/// `ip netns add` mounts /run/netns on itself and leaves that behind.
fn remove_empty_netns_mount() {
    let netns = Path::new("/run/netns");
    if fs::read_dir(netns).is_ok_and(|mut entries| entries.next().is_none()) {
        command::succeeds(&mut command::command("umount", [netns]));
        let _ = fs::remove_dir(netns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_the_bed_are_found() {
        let table = "22 1 0:20 / /proc rw - proc proc rw\n\
                     30 1 0:30 / /var/lib/flotilla-bed/nodes/a\\040b rw - overlay overlay rw\n\
                     31 1 0:31 / /var/lib/flotilla-bedroom rw - tmpfs tmpfs rw\n";
        assert_eq!(
            mounts_below(table, Path::new("/var/lib/flotilla-bed")),
            ["/var/lib/flotilla-bed/nodes/a b"]
        );
    }
}
