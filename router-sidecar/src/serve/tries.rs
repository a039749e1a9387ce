//! Which endpoints of a target were tried for a request, and which are left for the end.
//!
//! Endpoints that are left alone come after all that is well, whichever target they are of: a request that failed at
//! one pod does not wait for another that is known to fail, while the next target would answer.

use crate::account::Record;
use crate::route::Standing;
use crate::snapshot::{Backend, BackendIndex, Endpoint};
use std::time::Instant;

/// As many places as two endpoints of a target and a second leg beside each take: nothing is allocated for so few.
const FEW: usize = 4;

/// Places of endpoints.
#[derive(Debug, Default)]
pub(super) struct Places {
    few: [usize; FEW],
    count: usize,
    /// All of them, where they are more.
    many: Vec<usize>,
}

impl Places {
    pub(super) fn all(&self) -> &[usize] {
        if self.many.is_empty() { self.few.get(..self.count).unwrap_or_default() } else { &self.many }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(super) fn push(&mut self, place: usize) {
        match self.few.get_mut(self.count) {
            Some(next) if self.many.is_empty() => {
                *next = place;
                self.count += 1;
            }
            _ => {
                if self.many.is_empty() {
                    self.many.extend(self.few);
                }
                self.many.push(place);
            }
        }
    }
}

/// What was tried of one target.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Places of endpoints that are not to be tried any more.
    pub(super) places: Places,
    /// Whether there are others, which are left alone as long as another target is well.
    left_alone: bool,
}

impl Tries {
    /// Whether the endpoint may be tried now; `rest` are the further targets of the plan. The first of a target always
    /// may: the plan has put the target where it belongs.
    pub(super) fn lets(&mut self, endpoint: &Endpoint, record: &Record, rest: &[BackendIndex]) -> bool {
        let waits = !self.places.is_empty() && !is_well(endpoint) && any_is_well(record, rest);
        self.left_alone |= waits;
        !waits
    }

    /// Whether an endpoint was passed over.
    pub(super) fn are_open(&self) -> bool {
        self.left_alone
    }

    /// All other targets have failed: whether an endpoint is left to come back to. Those that asked for a rest are not.
    pub(super) fn come_back(&mut self, backend: &Backend) -> bool {
        let now = Instant::now();
        let rests = |endpoint: &Endpoint| endpoint.health.standing(now).asked_for_rest();
        let resting = backend.endpoints.iter().enumerate().filter(|(_, endpoint)| rests(endpoint));
        resting.for_each(|(place, _)| self.places.push(place));
        (0..backend.endpoints.len()).any(|place| !self.places.all().contains(&place))
    }
}

/// Whether an endpoint is as good as any other.
pub(super) fn is_well(endpoint: &Endpoint) -> bool {
    endpoint.health.standing(Instant::now()) == Standing::Good
}

/// Whether the request may go on to a target that is well.
fn any_is_well(record: &Record, targets: &[BackendIndex]) -> bool {
    let now = Instant::now();
    let is_well = |target: BackendIndex| {
        record.policy().backends.get(target).is_some_and(|backend| backend.standing(now) == Standing::Good)
    };
    targets.iter().any(|target| record.may_try(*target) && is_well(*target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_all_there_however_many_they_are() {
        let mut places = Places::default();
        assert!(places.is_empty());
        for count in 1..3 * FEW {
            places.push(count);
            assert_eq!(places.all(), (1..=count).collect::<Vec<_>>());
        }
    }
}
