//! Node affinity by GPU memory.

use crate::decide::placement::{LARGEST_MIB_LABEL, prefer_small_cards};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm,
};

/// Requires a card of at least `required_mib` and prefers the smallest one.
///
/// The upper bound keeps out labels in bytes, under which any card would look large enough.
pub(super) fn affinity(required_mib: u64) -> Affinity {
    let at_least = requirement("Gt", required_mib.saturating_sub(1));
    let in_mib = requirement("Lt", LARGEST_MIB_LABEL + 1);
    let preferred = prefer_small_cards(required_mib).into_iter().map(|preference| PreferredSchedulingTerm {
        weight: preference.weight,
        preference: term(vec![requirement("Lt", preference.below_mib)]),
    });
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term(vec![at_least, in_mib])],
            }),
            preferred_during_scheduling_ignored_during_execution: Some(preferred.collect()),
        }),
        ..Affinity::default()
    }
}

fn requirement(operator: &str, value: u64) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: labels::GPU_MEMORY.to_owned(),
        operator: operator.to_owned(),
        values: Some(vec![value.to_string()]),
    }
}

fn term(match_expressions: Vec<NodeSelectorRequirement>) -> NodeSelectorTerm {
    NodeSelectorTerm { match_expressions: Some(match_expressions), ..NodeSelectorTerm::default() }
}
