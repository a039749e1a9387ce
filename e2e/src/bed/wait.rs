//! Waiting for something to become true.

use std::time::{Duration, Instant};

use super::process::Daemon;
use crate::error::{Error, Result};

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(50);

/// Pauses this thread. The bed is a plain sequential program: nothing else runs on the thread.
#[expect(clippy::disallowed_methods, reason = "no async worker here to block")]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Waits until `ready` says true; whether it did within `limit`.
pub(super) fn until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        pause(PERIOD);
    }
}

/// Waits until `ready` says true, and stops waiting when the daemon that should make it true has ended.
///
/// # Errors
/// [`Error::Ended`] with the end of its log, or [`Error::NotReady`].
pub(super) fn until_ready(daemon: &Daemon, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let mut alive = true;
    let reached = until(limit, || {
        alive = daemon.is_alive();
        !alive || ready()
    });
    match (alive, reached) {
        (true, true) => Ok(()),
        (false, _) => Err(daemon.ended()),
        (true, false) => Err(Error::NotReady {
            what: daemon.name().to_owned(),
            seconds: limit.as_secs(),
            log: Some(daemon.log().to_owned()),
        }),
    }
}
