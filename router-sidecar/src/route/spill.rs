//! Requests that go elsewhere, since the model that they are meant for cannot take them now.

use super::mix;
use crate::snapshot::{BackendIndex, Spill};

/// Keeps the number that says whether a session goes apart from the one that says where its home is.
const SALT: u64 = 0x5911_1ED0;

/// Whether a request is of those that go. `place` is where in the share of its backend the draw fell, in [0, 1); a
/// session goes or stays as a whole, and those that went first come back last.
pub(super) fn goes(spill: &Spill, session: Option<u64>, place: f64) -> bool {
    let place = session.map_or(place, |session| (mix(session ^ SALT) >> 11) as f64 / (1_u64 << 53) as f64);
    place * 100.0 < f64::from(spill.percent)
}

/// The targets of a request that may go: first there if it is of those that do, else there when all else has failed.
/// True if it goes.
pub(super) fn divert(targets: &mut Vec<BackendIndex>, spill: &Spill, goes: bool, well: bool) -> bool {
    if goes && well {
        targets.retain(|target| *target != spill.to);
        targets.insert(0, spill.to);
        return true;
    }
    // What is left alone is better than nothing only.
    if (well || targets.is_empty()) && !targets.contains(&spill.to) {
        targets.push(spill.to);
    }
    false
}
