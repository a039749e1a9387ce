//! The part of a policy that says how data classes are found, for routers. Pure.

use flotilla_crds::router_config::{Pattern, Sensitivity};
use flotilla_crds::routing_policy::SensitivitySpec;

pub(super) fn sensitivity(spec: Option<&SensitivitySpec>) -> Sensitivity {
    let defaults = Sensitivity::default();
    let Some(spec) = spec else {
        return defaults;
    };
    let pattern = |spec: &flotilla_crds::routing_policy::PatternSpec| Pattern {
        name: spec.name.clone(),
        pattern: spec.pattern.clone(),
        data_class: spec.data_class.clone(),
    };
    Sensitivity {
        header: spec.header.clone().unwrap_or(defaults.header),
        fail_closed: spec.fail_closed.unwrap_or(defaults.fail_closed),
        detectors: spec.detectors.clone(),
        patterns: spec.patterns.iter().map(pattern).collect(),
        on_detect: spec.on_detect.clone(),
    }
}
