//! Node affinity by GPU memory.

use crate::decide::placement::{LARGEST_MIB_LABEL, prefer_small_cards, too_small};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm,
};

/// Requires a card of at least `required_mib` and prefers the smallest one.
///
/// The upper bound keeps out labels in bytes, under which any card would look large enough. Cards whose driver
/// keeps so much that the label is large enough and the rest is not are kept out by name.
pub(super) fn affinity(required_mib: u64) -> Affinity {
    let mut required =
        vec![requirement("Gt", required_mib.saturating_sub(1)), requirement("Lt", LARGEST_MIB_LABEL + 1)];
    let out = too_small(required_mib);
    let memory = out.memory_mib.iter().map(ToString::to_string).collect();
    required.extend(none_of(labels::GPU_PRODUCT, out.products));
    required.extend(none_of(labels::GPU_MEMORY, memory));
    let preferred = prefer_small_cards(required_mib).into_iter().map(|preference| PreferredSchedulingTerm {
        weight: preference.weight,
        preference: term(vec![requirement("Lt", preference.below_mib)]),
    });
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term(required)],
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

fn none_of(key: &str, values: Vec<String>) -> Option<NodeSelectorRequirement> {
    (!values.is_empty()).then(|| NodeSelectorRequirement {
        key: key.to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(values),
    })
}

fn term(match_expressions: Vec<NodeSelectorRequirement>) -> NodeSelectorTerm {
    NodeSelectorTerm { match_expressions: Some(match_expressions), ..NodeSelectorTerm::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn barred(required_mib: u64) -> Vec<(String, Vec<String>)> {
        let terms = affinity(required_mib).node_affinity.unwrap();
        let terms = terms.required_during_scheduling_ignored_during_execution.unwrap().node_selector_terms;
        let rules = terms.into_iter().flat_map(|term| term.match_expressions.unwrap_or_default());
        rules.filter(|rule| rule.operator == "NotIn").map(|rule| (rule.key, rule.values.unwrap())).collect()
    }

    #[test]
    fn a_card_whose_label_alone_is_large_enough_is_kept_out() {
        assert!(
            barred(24_080).iter().all(|(_, values)| !values.contains(&"NVIDIA-GeForce-RTX-4090".to_owned()))
        );
        let (key, products) = barred(24_081).remove(0);
        assert_eq!(key, labels::GPU_PRODUCT);
        for product in ["NVIDIA-GeForce-RTX-4090", "NVIDIA-GeForce-RTX-4090-SHARED"] {
            assert!(products.contains(&product.to_owned()), "{products:?}");
        }
    }

    #[test]
    fn of_two_cards_of_one_name_only_the_small_one_is_kept_out() {
        let out = barred(8_100);
        assert!(out.iter().all(|(_, values)| !values.contains(&"NVIDIA-GeForce-RTX-4060-Ti".to_owned())));
        assert!(out.contains(&(labels::GPU_MEMORY.to_owned(), vec!["8188".to_owned(), "8151".to_owned()])));
    }

    #[test]
    fn most_needs_keep_no_card_out() {
        assert_eq!(barred(4_000), []);
        assert_eq!(barred(14_336), []);
    }
}
