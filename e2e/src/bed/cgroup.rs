//! The bed's cgroup. Every process of the bed is in it (daemons, container shims, containers), so what is left
//! of a crashed bed can be found by membership, never by name.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{process, wait};
use crate::error::{FileContext, Result};

const ROOT: &str = "/sys/fs/cgroup";
const NAME: &str = "flotilla-bed";
/// Controllers that kubelet looks for on a machine with cgroup v2.
const CONTROLLERS: &[&str] = &["cpu", "cpuset", "io", "memory", "hugetlb", "pids"];

/// kubelet's `cgroupRoot` of a node.
pub(super) fn node(name: &str) -> String {
    format!("/{NAME}/{name}")
}

/// Where a process writes its pid to be in the bed.
pub(super) fn daemons_file() -> PathBuf {
    tracking().join(NAME).join("daemons/cgroup.procs")
}

/// Makes the groups for the daemons and for each node, in every hierarchy.
///
/// # Errors
/// If the kernel refuses a group.
pub(super) fn create<'a>(nodes: impl Iterator<Item = &'a str>) -> Result<()> {
    let leaves: Vec<&str> = nodes.chain(["daemons"]).collect();
    for hierarchy in hierarchies() {
        if is_v2(&hierarchy) {
            delegate(&hierarchy);
        }
        let bed = hierarchy.join(NAME);
        fs::create_dir_all(&bed).context("create", &bed)?;
        if is_v2(&hierarchy) {
            delegate(&bed);
        }
        for leaf in &leaves {
            let group = bed.join(leaf);
            fs::create_dir_all(&group).context("create", &group)?;
            inherit_cpuset(&bed, &group);
        }
    }
    Ok(())
}

/// Kills every process in the bed's groups and removes the groups.
pub(super) fn destroy() {
    wait::until(Duration::from_secs(20), || {
        let left: Vec<(PathBuf, i32)> =
            hierarchies().iter().flat_map(|hierarchy| members(&hierarchy.join(NAME))).collect();
        for (group, pid) in &left {
            process::kill_if(*pid, || pids(group).contains(pid));
        }
        left.is_empty()
    });
    for hierarchy in hierarchies() {
        wait::until(Duration::from_secs(5), || remove(&hierarchy.join(NAME)));
    }
}

/// Kills every process in a node's groups, which stay.
pub(super) fn kill_node(name: &str) {
    let groups: Vec<PathBuf> =
        hierarchies().iter().map(|hierarchy| hierarchy.join(NAME).join(name)).collect();
    wait::until(Duration::from_secs(20), || {
        let left: Vec<(PathBuf, i32)> = groups.iter().flat_map(|group| members(group)).collect();
        for (group, pid) in &left {
            process::kill_if(*pid, || pids(group).contains(pid));
        }
        left.is_empty()
    });
    for child in groups.iter().flat_map(|group| children(group)) {
        wait::until(Duration::from_secs(5), || remove(&child));
    }
}

/// Whether any group of the bed is left.
pub(super) fn exists() -> bool {
    hierarchies().iter().any(|hierarchy| hierarchy.join(NAME).exists())
}

/// The bed's groups that count memory, and whether they are of cgroup v2.
pub(super) fn memory_hierarchy() -> (PathBuf, bool) {
    let v1 = Path::new(ROOT).join("memory").join(NAME);
    if v1.is_dir() { (v1, false) } else { (Path::new(ROOT).join(NAME), true) }
}

fn is_v2(hierarchy: &Path) -> bool {
    hierarchy == Path::new(ROOT)
}

/// With cgroup v1 one folder for each controller, with v2 the root itself.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.join("cgroup.procs").exists())
        .collect()
}

/// The hierarchy that holds the daemons.
fn tracking() -> PathBuf {
    let pids = Path::new(ROOT).join("pids");
    if pids.is_dir() { pids } else { ROOT.into() }
}

/// Passes the controllers on to the children. A controller that this kernel lacks is simply not there; kubelet
/// names the ones that it misses.
fn delegate(group: &Path) {
    for controller in CONTROLLERS {
        let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// A new cpuset of cgroup v1 is empty and takes no process until it is filled.
fn inherit_cpuset(bed: &Path, group: &Path) {
    let parent = bed.parent().unwrap_or(bed);
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if let Ok(value) = fs::read_to_string(parent.join(file)) {
            for target in [bed, group] {
                let _ = fs::write(target.join(file), value.trim());
            }
        }
    }
}

fn members(group: &Path) -> Vec<(PathBuf, i32)> {
    let mut all: Vec<_> = pids(group).into_iter().map(|pid| (group.to_owned(), pid)).collect();
    all.extend(children(group).iter().flat_map(|child| members(child)));
    all
}

fn pids(group: &Path) -> Vec<i32> {
    let procs = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    procs.lines().filter_map(|line| line.parse().ok()).collect()
}

fn children(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Removes a group after its children; whether it is gone.
fn remove(group: &Path) -> bool {
    for child in children(group) {
        remove(&child);
    }
    fs::remove_dir(group).is_ok() || !group.exists()
}
