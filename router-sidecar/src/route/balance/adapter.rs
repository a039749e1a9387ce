//! For an endpoint: it used the request's LoRA adapter lately and so has it loaded.

use super::{Ask, Known};

/// What loading an adapter costs, as tokens of prefill: some tens of megabytes over PCIe take about as long as this
/// many tokens of a small model.
const LOADING: i64 = 512;

pub(super) fn term(_: &Ask, known: &Known) -> i64 {
    if known.adapter { LOADING } else { 0 }
}
