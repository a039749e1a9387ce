//! Rules and routes: names to indexes, with the checks that keep a plan from ever being empty by mistake.

use crate::snapshot::error::PolicyError;
use crate::snapshot::{BackendIndex, Route, Rule};
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::PromptTokens;
use std::collections::{HashMap, HashSet};

/// Backend names of one policy with their places.
pub(super) type Index<'a> = HashMap<&'a str, BackendIndex>;

pub(super) fn rules(source: &[config::Rule], index: &Index<'_>) -> Result<Vec<Rule>, PolicyError> {
    let mut names = HashSet::new();
    let mut rules = Vec::with_capacity(source.len());
    for rule in source {
        if rule.name == "default" {
            return Err(PolicyError::ReservedRule);
        }
        if !names.insert(rule.name.as_str()) {
            return Err(PolicyError::DuplicateRule(rule.name.clone()));
        }
        if rule.matches.prompt_tokens.is_some_and(holds_nothing) {
            return Err(PolicyError::EmptyRange { rule: rule.name.clone() });
        }
        rules.push(Rule {
            name: rule.name.clone(),
            classes: rule.matches.data_classes.iter().map(|c| c.trim().to_lowercase()).collect(),
            prompt_tokens: rule.matches.prompt_tokens,
            boundary: rule.boundary,
            route: route(&rule.name, &rule.route, index)?,
        });
    }
    Ok(rules)
}

/// Whether a range has no end, or no number in it.
fn holds_nothing(range: PromptTokens) -> bool {
    match (range.more_than, range.at_most) {
        (None, None) => true,
        (Some(above), Some(most)) => above >= most,
        _ => false,
    }
}

pub(super) fn route(name: &str, source: &config::Route, index: &Index<'_>) -> Result<Route, PolicyError> {
    let mut route = Route { hedge: source.hedge, continuation: source.continuation, ..Route::default() };
    let mut drawn = Listed::new(name, index);
    for entry in &source.backends {
        let backend = drawn.add(&entry.name)?;
        if entry.weight == 0 {
            route.never.push(backend);
        } else {
            route.weighted.push((backend, entry.weight));
        }
    }
    if route.weighted.is_empty() {
        return Err(PolicyError::NoWeight { route: name.to_owned() });
    }
    let mut fallback = Listed::new(name, index);
    for entry in &source.fallback {
        let backend = fallback.add(entry)?;
        // A weight of zero means never in this route, so it wins over being a fallback.
        if !route.never.contains(&backend) {
            route.fallback.push(backend);
        }
    }
    Ok(route)
}

/// One list of backend names: each known, none twice.
struct Listed<'a> {
    route: &'a str,
    index: &'a Index<'a>,
    seen: HashSet<BackendIndex>,
}

impl<'a> Listed<'a> {
    fn new(route: &'a str, index: &'a Index<'a>) -> Self {
        Self { route, index, seen: HashSet::new() }
    }

    fn add(&mut self, name: &str) -> Result<BackendIndex, PolicyError> {
        let Some(&backend) = self.index.get(name) else {
            let mut known: Vec<_> = self.index.keys().copied().collect();
            known.sort_unstable();
            return Err(PolicyError::UnknownBackend {
                route: self.route.to_owned(),
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        if self.seen.insert(backend) {
            Ok(backend)
        } else {
            Err(PolicyError::RepeatedBackend { route: self.route.to_owned(), name: name.to_owned() })
        }
    }
}
