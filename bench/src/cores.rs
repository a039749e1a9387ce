//! Which core does what.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of the gateway, and the core of load and mock.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// Load generator and mock upstream.
    pub load: usize,
    /// The gateway under test, alone.
    pub gateway: usize,
}

impl Cores {
    /// The first two cores that this process may use; `None` if there is only one.
    ///
    /// # Errors
    /// The system does not say.
    pub fn pick() -> std::io::Result<Option<Self>> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        Ok(cores.next().zip(cores.next()).map(|(load, gateway)| Self { load, gateway }))
    }

    /// Moves the calling thread to the load's core.
    ///
    /// # Errors
    /// The core was taken away meanwhile.
    pub fn pin_load(self) -> std::io::Result<()> {
        let mut set = CpuSet::new();
        set.set(self.load);
        Ok(sched_setaffinity(None, &set)?)
    }
}
