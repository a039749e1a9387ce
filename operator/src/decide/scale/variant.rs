//! The deployments that serve one model: one, or several of other cards or quantizations under the same name.

use super::Capacity;
use jiff::SignedDuration;

/// The replicas of one deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Supply {
    /// They serve.
    pub ready: u32,
    /// They have a node and load the model.
    pub loading: u32,
    /// They wait for a node.
    pub pending: u32,
    /// Of these, so many have waited for one long.
    pub stuck: u32,
    /// Of those that load, so many end again and again, or cannot be started.
    pub failing: u32,
    /// They answer what they have and then go; they count no more.
    pub draining: u32,
    /// Replicas that are none of the others, have their GPUs and serve on if they are wanted: most of those that drain.
    pub may_stay: u32,
    /// How long until what is loading or pending serves, on average; unknown where nothing is, or nothing was ever
    /// seen to start.
    pub arrives_in: Option<SignedDuration>,
}

impl Supply {
    /// Of all that should serve, those that will hardly do so as things are.
    pub(super) const fn lost(&self) -> u32 {
        self.stuck.saturating_add(self.failing)
    }

    /// All that serve or will.
    pub const fn replicas(&self) -> u32 {
        self.ready.saturating_add(self.loading).saturating_add(self.pending)
    }
}

/// One deployment of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant {
    /// What one replica can do.
    pub capacity: Capacity,
    /// What one replica costs in an hour, in any currency; the same everywhere where prices are not known.
    pub hourly_cost: f64,
    /// Replicas that are always there. 0 lets it go to zero.
    pub min_replicas: u32,
    /// Replicas that are never exceeded.
    pub max_replicas: u32,
    /// What there is.
    pub supply: Supply,
    /// Replicas that could be placed now beside those that are there; unknown means as many as are wanted.
    pub room: Option<u32>,
    /// GPUs of one replica.
    pub gpus: u32,
    /// Variants that want the same GPUs have the same number: what one is given, the others cannot be.
    pub pool: Option<usize>,
}

impl Variant {
    /// The most replicas that can be had: by the bound, by those that may stay, and by free GPUs, so many of which
    /// others were given just now, but never fewer than there are within the bound. Who waits for a node in vain gets
    /// no more on free GPUs, nor does one of which every replica fails.
    pub(super) fn most(&self, given: u32) -> u32 {
        let there = self.supply.replicas().saturating_add(self.supply.may_stay);
        if self.supply.stuck > 0 || (self.supply.failing > 0 && self.supply.ready == 0) {
            return self.max_replicas.min(there);
        }
        let room = self.room.map(|room| room.saturating_sub(given.div_ceil(self.gpus.max(1))));
        let within = room.map_or(u32::MAX, |room| there.saturating_add(room));
        self.max_replicas.min(within)
    }
}

/// Variants in units of the first one's replicas.
pub(super) struct Fleet<'a> {
    variants: &'a [Variant],
    /// Replicas of the first variant that one of each replaces.
    units: Vec<f64>,
    /// Indexes, from the cheapest unit to the dearest; the first named of equals comes first.
    by_price: Vec<usize>,
}

impl<'a> Fleet<'a> {
    /// For a mix of tokens, since variants may be good at either kind.
    pub(super) fn new(variants: &'a [Variant], work: impl Fn(Capacity) -> f64) -> Self {
        let reference = variants.first().map_or(0.0, |first| work(first.capacity));
        let unit = |variant: &Variant| match reference / work(variant.capacity) {
            unit if unit.is_finite() && unit > 0.0 => unit,
            _ => 1.0,
        };
        let units: Vec<f64> = variants.iter().map(unit).collect();
        let mut by_price: Vec<(usize, f64)> = variants
            .iter()
            .zip(&units)
            .map(|(variant, unit)| variant.hourly_cost / unit)
            .enumerate()
            .collect();
        by_price.sort_by(|(_, left), (_, right)| left.total_cmp(right));
        Self { variants, units, by_price: by_price.into_iter().map(|(index, _)| index).collect() }
    }

    /// What there is, within bounds.
    pub(super) fn current(&self) -> Vec<u32> {
        self.variants
            .iter()
            .map(|v| v.supply.replicas().clamp(v.min_replicas, v.max_replicas.max(v.min_replicas)))
            .collect()
    }

    /// The units of so many replicas of each.
    pub(super) fn units(&self, replicas: &[u32]) -> f64 {
        replicas.iter().zip(&self.units).map(|(count, unit)| f64::from(*count) * unit).sum()
    }

    /// The units of replicas that will hardly get a node, or that fail: they are none until they have one, or serve.
    pub(super) fn lost(&self, replicas: &[u32]) -> f64 {
        let lost =
            self.variants.iter().zip(replicas).map(|(variant, count)| variant.supply.lost().min(*count));
        lost.zip(&self.units).map(|(count, unit)| f64::from(count) * unit).sum()
    }

    /// Adds replicas of the cheapest until there are `needed` units or `most` of every variant, where so many GPUs of
    /// its pool were given to others.
    pub(super) fn grow(&self, replicas: &mut [u32], needed: f64, most: impl Fn(&Variant, u32) -> u32) {
        let mut given: Vec<(usize, u32)> = Vec::new();
        for index in &self.by_price {
            let missing = needed + self.lost(replicas) - self.units(replicas);
            let (Some(variant), Some(unit), Some(count)) =
                (self.variants.get(*index), self.units.get(*index), replicas.get_mut(*index))
            else {
                continue;
            };
            let of_pool = |pool| given.iter().filter(move |(other, _)| *other == pool).map(|(_, gpus)| *gpus);
            let taken = variant.pool.map_or(0, |pool| of_pool(pool).sum());
            let more = whole(missing / unit).min(most(variant, taken).saturating_sub(*count));
            *count += more;
            given.extend(variant.pool.map(|pool| (pool, more.saturating_mul(variant.gpus))));
        }
    }

    /// Takes one replica of the dearest away whose going leaves `kept` units, and says of which.
    pub(super) fn shrink(&self, replicas: &mut [u32], kept: f64) -> Option<usize> {
        let there = self.units(replicas) - self.lost(replicas);
        let goes = self.by_price.iter().rev().copied().find(|index| {
            let (Some(variant), Some(unit), Some(count)) =
                (self.variants.get(*index), self.units.get(*index), replicas.get(*index))
            else {
                return false;
            };
            // Of a variant that waits for nodes, one that has none goes; else one that fails.
            let goes = if variant.supply.lost() > 0 { 0.0 } else { *unit };
            *count > variant.min_replicas && there - goes >= kept - ROUNDING
        })?;
        *replicas.get_mut(goes)? -= 1;
        Some(goes)
    }
}

/// What sums of fractions may be off by.
const ROUNDING: f64 = 1e-9;

/// Whole replicas for so much work; nothing and nonsense need none.
pub(super) fn whole(units: f64) -> u32 {
    // Casts of floats saturate: negative and NaN become 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = (units - ROUNDING).ceil() as u32;
    whole
}
