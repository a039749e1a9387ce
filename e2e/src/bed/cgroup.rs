//! The bed's cgroup. Every process of the bed is in it (daemons, container shims, containers), so what is left
//! of a crashed bed can be found by membership, never by name.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{process, wait};
use crate::error::{Error, FileContext, Result};

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

/// The group of a running container, by the id that the kubelet reports, with or without `containerd://`, in the
/// hierarchy of a controller of cgroup v1 or in the one of v2; and whether it is the latter.
///
/// # Errors
/// If no container of the bed has this id.
pub(super) fn container(v1: &str, id: &str) -> Result<(PathBuf, bool)> {
    let id = id.rsplit('/').next().unwrap_or(id);
    let old = Path::new(ROOT).join(v1).join(NAME);
    let (bed, is_v2) = if old.is_dir() { (old, false) } else { (Path::new(ROOT).join(NAME), true) };
    let found =
        find(&bed, id).ok_or_else(|| Error::Content(format!("the bed has no cgroup of a container {id}")))?;
    Ok((found, is_v2))
}

fn find(folder: &Path, id: &str) -> Option<PathBuf> {
    let folders = children(folder);
    let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(id));
    let here = folders.iter().find(named).cloned();
    here.or_else(|| folders.iter().find_map(|folder| find(folder, id)))
}

/// The number in a file of a group.
///
/// # Errors
/// If it cannot be read, or holds something else.
pub(super) fn number(path: &Path) -> Result<u64> {
    let text = fs::read_to_string(path).context("read", path)?;
    text.trim().parse().map_err(|_| Error::Content(format!("{} holds {text:?}", path.display())))
}

/// The number after `key` in a file of such lines.
///
/// # Errors
/// If it cannot be read, or has no such line.
pub(super) fn keyed(path: &Path, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path).context("read", path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok());
    value.ok_or_else(|| Error::Content(format!("{} has no {key}", path.display())))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_taken_for_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.stat");
        fs::write(&path, "anon_thp 7\nanon 42\n").unwrap();
        assert_eq!(keyed(&path, "anon").unwrap(), 42);
        assert!(keyed(&path, "kernel").unwrap_err().to_string().contains("kernel"));
    }

    #[test]
    fn a_container_is_found_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("node/burstable/pod1/cri-containerd-abc.scope");
        fs::create_dir_all(&group).unwrap();
        assert_eq!(find(folder.path(), "abc"), Some(group));
        assert_eq!(find(folder.path(), "xyz"), None);
    }
}
