//! Targets that are left alone, for a request whose other targets all fail.

use super::Standing;
use crate::snapshot::BackendIndex;

/// Appends them to those that are well; gives how many. All fallbacks, in the order written, and before them the best
/// of the weighted ones, if none of these could be drawn.
pub(super) fn append(
    targets: &mut Vec<BackendIndex>,
    weighted: &[(BackendIndex, u32, Standing)],
    fallback: &[(BackendIndex, Standing)],
) -> usize {
    let well = targets.len();
    let rests = |standing: &Standing| *standing != Standing::Good;
    let undrawn = weighted.iter().all(|(.., standing)| rests(standing));
    let best = weighted.iter().filter(|_| undrawn).min_by_key(|(.., standing)| *standing);
    let fallback = fallback.iter().filter(|(_, standing)| rests(standing)).map(|(backend, _)| *backend);
    for backend in best.map(|(backend, ..)| *backend).into_iter().chain(fallback) {
        if !targets.contains(&backend) {
            targets.push(backend);
        }
    }
    targets.len() - well
}
