//! Node affinity by GPU memory.

use crate::decide::placement::{Ask, LARGEST_MIB_LABEL, Preference, SHARERS, prefer_small_cards, too_small};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm,
};

/// Values of `nvidia.com/gpu.sharing-strategy` under which pods share a GPU.
const SHARING_STRATEGIES: [&str; 2] = ["time-slicing", "mps"];
/// For shares of less than twice the need; all of them weigh alike.
const TIGHT_SHARE_WEIGHT: i32 = 100;

/// Requires a card, or a share of one, of at least what is asked for, and prefers the smallest.
///
/// Everything here follows from the spec and the need, never from the nodes of the day: what comes and goes with them
/// would restart every replica.
pub(super) fn affinity(ask: &Ask<'_>) -> Affinity {
    let (required, preferred) = if ask.shared { shares(ask) } else { whole(ask) };
    node_affinity(required, preferred)
}

fn node_affinity(required: Vec<NodeSelectorTerm>, preferred: Vec<PreferredSchedulingTerm>) -> Affinity {
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: (!required.is_empty())
                .then_some(NodeSelector { node_selector_terms: required }),
            preferred_during_scheduling_ignored_during_execution: (!preferred.is_empty())
                .then_some(preferred),
        }),
        ..Affinity::default()
    }
}

/// Nodes with whole GPUs.
fn whole(ask: &Ask<'_>) -> (Vec<NodeSelectorTerm>, Vec<PreferredSchedulingTerm>) {
    let mut rules = large_enough(ask.required_mib);
    rules.extend(products(ask, ""));
    (alone(&rules), small_first(ask))
}

/// Nodes whose partitions are large enough: of one profile, which has a resource of its own, or of all alike.
pub(super) fn partitions(ask: &Ask<'_>, profile: Option<&str>) -> Affinity {
    let (memory, limit) = (ask.required_mib.saturating_sub(1), LARGEST_MIB_LABEL + 1);
    let between = |label: &str| {
        vec![rule(label, "Gt", Some(memory.to_string())), rule(label, "Lt", Some(limit.to_string()))]
    };
    if let Some(profile) = profile {
        let mut rules = between(&format!("{}{profile}.memory", labels::MIG_RESOURCE));
        rules.extend(products(ask, ""));
        node_affinity(vec![term(rules)], Vec::new())
    } else {
        let mut rules = between(labels::GPU_MEMORY);
        rules.push(rule(labels::GPU_SLICES, "Exists", None));
        node_affinity(alone(&rules), small_first(ask))
    }
}

/// Nodes with small cards first, and none required.
pub(super) fn prefer_small(ask: &Ask<'_>) -> Affinity {
    node_affinity(Vec::new(), small_first(ask))
}

fn small_first(ask: &Ask<'_>) -> Vec<PreferredSchedulingTerm> {
    let preferred = |preference: Preference| PreferredSchedulingTerm {
        weight: preference.weight,
        preference: term(vec![memory("Lt", preference.below_mib)]),
    };
    prefer_small_cards(ask.required_mib).into_iter().map(preferred).collect()
}

/// These rules, on nodes whose GPUs are one pod's: one term where the number of sharers is not said, one where it is 1.
fn alone(rules: &[NodeSelectorRequirement]) -> Vec<NodeSelectorTerm> {
    let strategies = SHARING_STRATEGIES.map(str::to_owned).to_vec();
    let unshared = [
        rule(labels::GPU_REPLICAS, "DoesNotExist", None),
        rule(labels::GPU_REPLICAS, "Lt", Some("2".to_owned())),
    ];
    let with = |one: NodeSelectorRequirement| {
        let mut rules = rules.to_vec();
        rules.extend(none_of(labels::GPU_SHARING, strategies.clone()));
        rules.push(one);
        term(rules)
    };
    unshared.map(with).into()
}

/// Nodes whose GPUs so many pods share that a part still holds the need: a term for each number of them.
fn shares(ask: &Ask<'_>) -> (Vec<NodeSelectorTerm>, Vec<PreferredSchedulingTerm>) {
    let of_many = |sharers: u32| rule(labels::GPU_REPLICAS, "In", Some(sharers.to_string()));
    let whole_mib = |sharers: u32| ask.required_mib.saturating_mul(sharers.into());
    let required = SHARERS.map(|sharers| {
        let mut rules = large_enough(whole_mib(sharers));
        rules.extend(products(ask, "-SHARED"));
        rules.push(of_many(sharers));
        term(rules)
    });
    let preferred = SHARERS.map(|sharers| PreferredSchedulingTerm {
        weight: TIGHT_SHARE_WEIGHT,
        preference: term(vec![memory("Lt", whole_mib(sharers).saturating_mul(2)), of_many(sharers)]),
    });
    (required.collect(), preferred.collect())
}

/// The upper bound keeps out labels in bytes, under which any card would look large enough. Cards whose driver keeps
/// so much that the label is large enough and the rest is not are kept out by name; partitions are not whole GPUs.
fn large_enough(required_mib: u64) -> Vec<NodeSelectorRequirement> {
    let mut rules = vec![memory("Gt", required_mib.saturating_sub(1)), memory("Lt", LARGEST_MIB_LABEL + 1)];
    let out = too_small(required_mib);
    let memory = out.memory_mib.iter().map(ToString::to_string).collect();
    rules.extend(none_of(labels::GPU_PRODUCT, out.products));
    rules.extend(none_of(labels::GPU_MEMORY, memory));
    rules.push(rule(labels::GPU_SLICES, "DoesNotExist", None));
    rules
}

/// The products that may be taken, with what GPU feature discovery may append to their names.
fn products(ask: &Ask<'_>, suffix: &str) -> Option<NodeSelectorRequirement> {
    let mut values = ask.products.to_vec();
    if !suffix.is_empty() {
        values.extend(ask.products.iter().map(|product| format!("{product}{suffix}")));
    }
    (!values.is_empty()).then(|| NodeSelectorRequirement {
        key: labels::GPU_PRODUCT.to_owned(),
        operator: "In".to_owned(),
        values: Some(values),
    })
}

fn memory(operator: &str, mib: u64) -> NodeSelectorRequirement {
    rule(labels::GPU_MEMORY, operator, Some(mib.to_string()))
}

fn rule(key: &str, operator: &str, value: Option<String>) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: value.map(|value| vec![value]),
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
    use crate::decide::placement::testing::labelled;
    use crate::decide::placement::{Inventory, Mode, Usage, find_fits, gpus};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn terms(placement: serde_json::Value, required_mib: u64) -> Vec<NodeSelectorTerm> {
        let placement = serde_json::from_value(placement).unwrap();
        let terms = affinity(&Ask::of(Some(&placement), required_mib)).node_affinity.unwrap();
        terms.required_during_scheduling_ignored_during_execution.unwrap().node_selector_terms
    }

    fn barred(required_mib: u64) -> Vec<(String, Vec<String>)> {
        let rules = terms(serde_json::json!({}), required_mib).remove(0).match_expressions.unwrap();
        let of_cards =
            |rule: &NodeSelectorRequirement| rule.operator == "NotIn" && rule.key != labels::GPU_SHARING;
        rules.into_iter().filter(of_cards).map(|rule| (rule.key, rule.values.unwrap())).collect()
    }

    /// Whether a node selector term lets labels in, as the scheduler decides it.
    fn lets_in(term: &NodeSelectorTerm, labels: &BTreeMap<&str, String>) -> bool {
        term.match_expressions.iter().flatten().all(|rule| {
            let label = labels.get(rule.key.as_str());
            let values = rule.values.clone().unwrap_or_default();
            let number = |text: &String| text.parse::<i64>().ok();
            let compared = label.and_then(number).zip(values.first().and_then(number));
            match rule.operator.as_str() {
                "In" => label.is_some_and(|label| values.contains(label)),
                "NotIn" => label.is_none_or(|label| !values.contains(label)),
                "DoesNotExist" => label.is_none(),
                "Gt" => compared.is_some_and(|(label, value)| label > value),
                "Lt" => compared.is_some_and(|(label, value)| label < value),
                other => panic!("{other}"),
            }
        })
    }

    proptest! {
        /// What the scheduler does with the affinity, and what status says of the nodes, are the same.
        #[test]
        fn affinity_lets_in_exactly_the_nodes_that_fit(
            card in 0..gpus().len(), need in 1_u64..100_000, shared: bool, limited: bool,
            sharers in prop_oneof![Just(None), (0_u32..20).prop_map(Some)],
            strategy in prop_oneof![Just(None), Just(Some("none")), Just(Some("mps")), Just(Some("time-slicing"))],
            memory in prop_oneof![4 => Just(None), 1 => Just(Some("25757220864")), 1 => Just(Some("lots"))],
            partitioned in prop::bool::weighted(0.2),
        ) {
            let gpu = &gpus()[card];
            let Some(product) = gpu.product else { return Ok(()) };
            let mut known = BTreeMap::from([
                (labels::GPU_PRODUCT, product.to_owned()),
                (labels::GPU_MEMORY, memory.map_or(gpu.memory_mib.to_string(), str::to_owned)),
            ]);
            known.extend(sharers.map(|sharers| (labels::GPU_REPLICAS, sharers.to_string())));
            // A strategy without a number is a mistake of somebody else's, and taken for shared by both.
            known.extend(strategy.map(|strategy| (labels::GPU_SHARING, strategy.to_owned())));
            if partitioned { known.insert(labels::GPU_SLICES, "1".to_owned()); }
            let products = if limited { vec!["NVIDIA-A10", "Tesla-T4"] } else { vec![] };
            let spec = serde_json::json!({
                "sharing": if shared { "Shared" } else { "Exclusive" }, "gpuProducts": products,
            });
            let pairs: Vec<_> = known.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let inventory = Inventory::from_nodes(&[labelled("n", &pairs, 1)], &Usage::default());
            let placement = serde_json::from_value(spec.clone()).unwrap();
            let fits = find_fits(&inventory, &Ask::of(Some(&placement), need), &Mode::NodeLabels).any();
            let admitted = terms(spec, need).iter().any(|term| lets_in(term, &known));
            prop_assert_eq!(admitted, fits, "{:?} for {} MiB", known, need);
        }
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
