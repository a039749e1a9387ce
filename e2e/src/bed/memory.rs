//! What a pod of the bed takes, as its cgroup counts it: the group that a memory limit really binds, in which the
//! container that holds the namespaces counts, too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::cgroup;
use crate::error::{Error, FileContext, Result};

/// Memory of one pod, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodMemory {
    /// The most that was charged at any time: with page cache of files that this pod read first, up to the
    /// limit, where the kernel takes it back.
    pub peak: u64,
    /// What nothing but the end of a process frees: anonymous pages, and the kernel's own for this pod.
    pub held: u64,
    /// Processes that were killed because the limit was reached.
    pub killed: u64,
}

/// The names of the figures, which differ between the versions of cgroups.
struct Files {
    peak: &'static str,
    anonymous: &'static str,
    /// A file of its own, or a key of `memory.stat`.
    kernel: Kernel,
    killed: &'static str,
}

enum Kernel {
    File(&'static str),
    Stat(&'static str),
}

const V1: Files = Files {
    peak: "memory.max_usage_in_bytes",
    anonymous: "total_rss",
    kernel: Kernel::File("memory.kmem.usage_in_bytes"),
    killed: "memory.oom_control",
};
const V2: Files =
    Files { peak: "memory.peak", anonymous: "anon", kernel: Kernel::Stat("kernel"), killed: "memory.events" };

/// Reads the figures of the pod of a running container, by the id that the kubelet reports, with or without
/// `containerd://`.
///
/// # Errors
/// If no container of the bed has this id, or the kernel does not count memory.
pub fn pod_memory(id: &str) -> Result<PodMemory> {
    let id = id.rsplit('/').next().unwrap_or(id);
    let (hierarchy, files) = match cgroup::memory_hierarchy() {
        (hierarchy, true) => (hierarchy, V2),
        (hierarchy, false) => (hierarchy, V1),
    };
    let container = find(&hierarchy, id)
        .ok_or_else(|| Error::Content(format!("the bed has no cgroup of a container {id}")))?;
    let group = container.parent().unwrap_or(&container);
    let number = |file: &str| -> Result<u64> {
        let path = group.join(file);
        let text = fs::read_to_string(&path).context("read", &path)?;
        text.trim().parse().map_err(|_| Error::Content(format!("{} holds {text:?}", path.display())))
    };
    let stat = |key: &str| keyed(&group.join("memory.stat"), key);
    let kernel = match files.kernel {
        Kernel::File(file) => number(file)?,
        Kernel::Stat(key) => stat(key)?,
    };
    Ok(PodMemory {
        peak: number(files.peak)?,
        held: stat(files.anonymous)? + kernel,
        killed: keyed(&container.join(files.killed), "oom_kill")?,
    })
}

fn find(folder: &Path, id: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(id));
    let here = folders.iter().find(named).cloned();
    here.or_else(|| folders.iter().find_map(|folder| find(folder, id)))
}

/// The number after `key` in a file of such lines.
fn keyed(path: &Path, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path).context("read", path)?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok());
    value.ok_or_else(|| Error::Content(format!("{} has no {key}", path.display())))
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
