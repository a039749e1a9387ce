//! Which endpoint of a target: the best of a few, two of them taken at random.
//!
//! Two random choices keep the longest queue near log log n without looking at every endpoint, and, unlike the least
//! loaded of all, do not send every router's next request to the same pod. To them come the endpoints that are
//! remembered for the request's prompt, session and adapter. The score is in tokens: those that need not be computed
//! again, minus those that must be computed first. So an endpoint that knows the prompt is preferred until its queue
//! costs more than its cache saves.

mod adapter;
mod load;
mod memory;
mod prefix;
mod session;

pub use memory::Memory;
pub use prefix::Prefix;

use super::Standing;
use crate::snapshot::Endpoint;
use std::time::Instant;

/// What balancing knows about a request to one target.
#[derive(Debug)]
pub struct Ask {
    /// Estimated length of the prompt.
    pub prompt_tokens: u32,
    /// The session it belongs to.
    pub session: Option<u64>,
    /// Its prompt, from the start.
    pub prefix: Prefix,
    /// The adapter it needs, if the target's endpoints serve several models.
    pub adapter: Option<u64>,
}

/// What is known of one endpoint for one request.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Tokens under way there.
    outstanding: u64,
    /// Tokens of the prompt that were computed there before.
    matched: u64,
    /// Whether the session was there before.
    session: bool,
    /// Whether the adapter was used there lately.
    adapter: bool,
}

/// What speaks for an endpoint, in tokens: a policy a line.
const TERMS: [fn(&Ask, &Known) -> i64; 4] = [load::term, prefix::term, session::term, adapter::term];

/// Endpoints that a request is compared over at most: two random ones and the remembered ones.
const COMPARED: usize = 5;

/// The place of the endpoint to use; those in `tried` have failed this request. `None` if there is no other.
///
/// Endpoints that are left alone are used only if all are: then the one whose rest ends first.
pub fn choose(
    endpoints: &[Endpoint],
    ask: &Ask,
    memory: &Memory,
    tried: &[usize],
    roll: u64,
    now: Instant,
) -> Option<usize> {
    if endpoints.len() == 1 {
        return tried.is_empty().then_some(0);
    }
    let recalled = memory.recall(ask);
    let mut places = [None; COMPARED];
    let random = two_of(endpoints.len(), roll);
    let remembered = recalled.endpoints().map(|id| memory.place(id));
    for (slot, place) in places.iter_mut().zip(random.into_iter().chain(remembered)) {
        *slot = place.filter(|place| *place < endpoints.len() && !tried.contains(place));
    }
    let rank = |place: usize| {
        let endpoint = endpoints.get(place)?;
        let known = Known { outstanding: endpoint.load.outstanding(), ..recalled.of(endpoint.id) };
        let score: i64 = TERMS.iter().map(|term| term(ask, &known)).sum();
        Some((endpoint.health.standing(now), std::cmp::Reverse(score)))
    };
    let best = |places: &mut dyn Iterator<Item = usize>| {
        places.filter_map(|place| Some((rank(place)?, place))).min_by_key(|(rank, _)| *rank)
    };
    match best(&mut places.into_iter().flatten()) {
        Some(((Standing::Good, _), place)) => Some(place),
        // None of them is well: look at all, which costs more and is seldom.
        _ => best(&mut (0..endpoints.len()).filter(|place| !tried.contains(place))).map(|(_, place)| place),
    }
}

/// Two different places below `count`, if there are two.
fn two_of(count: usize, roll: u64) -> [Option<usize>; 2] {
    if count == 0 {
        return [None, None];
    }
    let first = below(roll >> 32, count);
    let second = (count > 1).then(|| (first + 1 + below(roll & 0xFFFF_FFFF, count - 1)) % count);
    [Some(first), second]
}

/// Scales 32 random bits to a place below `count`.
fn below(bits: u64, count: usize) -> usize {
    usize::try_from((bits * count as u64) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests;
