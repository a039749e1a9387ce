//! Which variants of a model want the same GPUs, and what is left for each.

use crate::decide::scale::Variant;

/// A variant with the products that its replicas may be on, and the GPUs that pods which are there will take and that
/// may still count as free.
pub(super) struct Wants<'a> {
    pub(super) variant: Variant,
    pub(super) products: &'a [String],
    pub(super) claimed: u32,
}

/// Gives those that have a product in common the same number, also where only a third one has with both, and takes
/// what pods of any of them will have from the room of all. Where products, but not nodes, are the same, that is less
/// than there is, until the pods have their nodes.
pub(super) fn share(wants: Vec<Wants<'_>>) -> Vec<Variant> {
    let mut pools: Vec<usize> = (0..wants.len()).collect();
    for (place, want) in wants.iter().enumerate() {
        for (other, before) in wants.iter().enumerate().take(place) {
            let same = want.products.iter().any(|product| before.products.contains(product));
            if let (true, Some(&from), Some(&to)) = (same, pools.get(place), pools.get(other)) {
                pools.iter_mut().filter(|pool| **pool == from).for_each(|pool| *pool = to);
            }
        }
    }
    let mut claimed = vec![0_u32; wants.len()];
    for (want, pool) in wants.iter().zip(&pools) {
        if let Some(sum) = claimed.get_mut(*pool) {
            *sum = sum.saturating_add(want.claimed);
        }
    }
    let of = |(Wants { mut variant, .. }, pool): (Wants<'_>, usize)| {
        let taken = claimed.get(pool).copied().unwrap_or(0).div_ceil(variant.gpus.max(1));
        variant.room = variant.room.map(|room| room.saturating_sub(taken));
        variant.pool = Some(pool);
        variant
    };
    wants.into_iter().zip(pools).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::scale::{Capacity, Supply};

    fn shared(wants: &[(&[&str], u32, u32, u32)]) -> Vec<(usize, u32)> {
        let products: Vec<Vec<String>> =
            wants.iter().map(|(products, ..)| products.iter().map(ToString::to_string).collect()).collect();
        let wants = wants.iter().zip(&products).map(|((_, room, gpus, claimed), products)| Wants {
            variant: Variant {
                capacity: Capacity::new(1.0, 1.0).unwrap(),
                hourly_cost: 1.0,
                min_replicas: 0,
                max_replicas: 9,
                supply: Supply::default(),
                room: Some(*room),
                gpus: *gpus,
                pool: None,
            },
            products,
            claimed: *claimed,
        });
        share(wants.collect()).iter().map(|variant| (variant.pool.unwrap(), variant.room.unwrap())).collect()
    }

    #[test]
    fn those_with_a_product_in_common_share_it_and_what_is_taken() {
        let (l4, a10, both): (&[&str], &[&str], &[&str]) = (&["L4"], &["A10"], &["A10", "L4"]);
        assert_eq!(shared(&[(l4, 3, 1, 1)]), [(0, 2)], "what its own pods will take");
        assert_eq!(shared(&[(l4, 3, 1, 1), (a10, 3, 1, 2)]), [(0, 2), (1, 1)]);
        assert_eq!(
            shared(&[(l4, 4, 1, 1), (l4, 2, 2, 2)]),
            [(0, 1), (0, 0)],
            "three GPUs are two replicas of two"
        );
        assert_eq!(shared(&[(l4, 9, 1, 1), (a10, 9, 1, 1), (both, 9, 1, 1)]), [(1, 6); 3], "by the third");
        assert_eq!(shared(&[(&[], 0, 1, 0), (&[], 0, 1, 0)]), [(0, 0), (1, 0)], "where nothing fits");
    }
}
