//! The CPU time of a container of the bed, as its cgroup counts it.

use super::cgroup;
use crate::error::Result;
use std::time::Duration;

/// What a running container took since it started, by the id that the kubelet reports.
///
/// # Errors
/// If no container of the bed has this id, or the kernel does not count CPU time.
pub fn container_cpu(id: &str) -> Result<Duration> {
    let (group, is_v2) = cgroup::container("cpuacct", id)?;
    if is_v2 {
        cgroup::keyed(&group.join("cpu.stat"), "usage_usec").map(Duration::from_micros)
    } else {
        cgroup::number(&group.join("cpuacct.usage")).map(Duration::from_nanos)
    }
}
