//! What a pod of the bed takes, as its cgroup counts it: the group that a memory limit really binds, in which the
//! container that holds the namespaces counts, too.

use super::cgroup;
use crate::error::Result;

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

/// Reads the figures of the pod of a running container, by the id that the kubelet reports.
///
/// # Errors
/// If no container of the bed has this id, or the kernel does not count memory.
pub fn pod_memory(id: &str) -> Result<PodMemory> {
    let (container, is_v2) = cgroup::container("memory", id)?;
    let files = if is_v2 { V2 } else { V1 };
    let group = container.parent().unwrap_or(&container);
    let stat = |key: &str| cgroup::keyed(&group.join("memory.stat"), key);
    let kernel = match files.kernel {
        Kernel::File(file) => cgroup::number(&group.join(file))?,
        Kernel::Stat(key) => stat(key)?,
    };
    Ok(PodMemory {
        peak: cgroup::number(&group.join(files.peak))?,
        held: stat(files.anonymous)? + kernel,
        killed: cgroup::keyed(&container.join(files.killed), "oom_kill")?,
    })
}
