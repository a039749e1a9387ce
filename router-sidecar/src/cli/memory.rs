//! How much memory there is for bodies.

use std::fs;

/// Where the memory limit of the process's container is: version 2 of control groups, then version 1, each as a
/// container sees its own.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Where nothing limits the process.
const WITHOUT_LIMIT: usize = 1 << 30;

/// Version 1 says "no limit" by the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 60;

/// Bytes of bodies that may be held at once unless somebody says otherwise: half of the container's memory. The other
/// half is for connections, streams, and what the kernel keeps in sockets, which counts as well.
pub(super) fn for_bodies() -> usize {
    let limit = LIMITS.iter().find_map(|path| limit_in(&fs::read_to_string(path).ok()?));
    limit.map_or(WITHOUT_LIMIT, |limit| usize::try_from(limit / 2).unwrap_or(WITHOUT_LIMIT))
}

/// The limit in such a file, if it is one.
fn limit_in(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_that_machines_have() {
        assert_eq!(limit_in("268435456\n"), Some(256 << 20));
        assert_eq!(limit_in("max\n"), None);
        assert_eq!(limit_in("9223372036854771712\n"), None);
        assert!(for_bodies() > 0);
    }
}
