//! What an allocation of PyTorch's caching allocator takes.

const MIB: u64 = 1 << 20;
/// Sizes are multiples of this (`kMinBlockSize`).
const STEP: u64 = 512;
/// From this size on, an allocation gets a segment of its own (`kMinLargeAlloc`) …
const OWN_SEGMENT: u64 = 10 * MIB;
/// … of a multiple of this (`kRoundLarge`).
const SEGMENT_STEP: u64 = 2 * MIB;
/// What is left of a segment serves others only if it is more than this (`kSmallSize`).
const LEAST_REST: u64 = MIB;

/// Bytes that PyTorch counts as allocated for a tensor: a rest that is too small to be split off counts with it
/// (c10/cuda/CUDACachingAllocator.cpp). That is up to 1 MiB for each large matrix.
pub(in crate::decide::sizing) const fn allocated(bytes: u64) -> u64 {
    let bytes = round_up(bytes, STEP);
    if bytes < OWN_SEGMENT {
        return bytes;
    }
    let segment = round_up(bytes, SEGMENT_STEP);
    if segment.saturating_sub(bytes) <= LEAST_REST { segment } else { bytes }
}

/// The next multiple, or the largest number there is.
const fn round_up(bytes: u64, step: u64) -> u64 {
    match bytes.checked_next_multiple_of(step) {
        Some(rounded) => rounded,
        None => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rests_up_to_1_mib_are_lost() {
        assert_eq!(allocated(1), 512);
        assert_eq!(allocated(9 * MIB + 1), 9 * MIB + 512);
        assert_eq!(allocated(43 * MIB), 44 * MIB);
        assert_eq!(allocated(85 * MIB / 2), 85 * MIB / 2, "1.5 MiB are split off");
        assert_eq!(allocated(44 * MIB), 44 * MIB);
        assert_eq!(allocated(u64::MAX), u64::MAX);
    }
}
