//! The budgets of a policy.

use super::Carried;
use crate::budget::{Budget, Unit};
use crate::snapshot::error::PolicyError;
use crate::snapshot::{Backend, BackendIndex, Side};
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::OnExceeded;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn budgets(
    source: &config::Policy,
    backends: &[Arc<Backend>],
    carried: &Carried,
) -> Result<Vec<Budget>, PolicyError> {
    let mut names = HashSet::new();
    let budget = |from: &config::Budget| {
        let wrong = |message: String| PolicyError::Budget { budget: from.name.clone(), message };
        if !names.insert(from.name.clone()) {
            return Err(wrong("there are two of this name".to_owned()));
        }
        if from.per_client && source.clients.is_none() {
            return Err(wrong("perClient needs clients".to_owned()));
        }
        let unit = if from.usd.is_some() { Unit::NanoUsd } else { Unit::Tokens };
        Ok(Budget {
            name: from.name.clone(),
            per: from.per,
            unit,
            limit: from.limit().map_err(|error| wrong(error.to_string()))?,
            backends: counted(from, backends).map_err(wrong)?,
            per_client: from.per_client,
            on_exceeded: from.on_exceeded,
            leased: from.leased,
            purses: carried.purses(&source.name, from, unit),
        })
    };
    source.budgets.iter().map(budget).collect()
}

/// The backends that count: those named, or all that can.
fn counted(from: &config::Budget, backends: &[Arc<Backend>]) -> Result<Vec<BackendIndex>, String> {
    if from.on_exceeded == OnExceeded::FleetOnly {
        if !from.backends.is_empty() {
            return Err("with FleetOnly it counts all external backends: leave backends out".to_owned());
        }
        // What the fleet answers must not use up what bounds the others.
        let external = backends.iter().enumerate().filter(|(_, backend)| backend.side == Side::External);
        return Ok(external.map(|(place, _)| place).collect());
    }
    if from.backends.is_empty() {
        return Ok((0..backends.len()).collect());
    }
    let place = |name: &String| {
        let place = backends.iter().position(|backend| backend.name == *name);
        place.ok_or_else(|| format!("there is no backend named {name:?} in this policy"))
    };
    from.backends.iter().map(place).collect()
}
