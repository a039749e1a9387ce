//! One backend: addresses, key, prices.

use super::route::Index;
use super::{Carried, owner};
use crate::account::BackendCounters;
use crate::dialect::{self, Dialect};
use crate::request::Operation;
use crate::route::hash;
use crate::snapshot::error::BackendError;
use crate::snapshot::{Adapter, Backend, Endpoint, HoldRules, Prices, Side, Spill, credentials};
use bytes::Bytes;
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::{
    AdapterChoice, BackendTarget, ExternalTarget, FleetAdapter, FleetTarget, NanoUsd, Pricing, Provider,
};
use http::{HeaderName, HeaderValue, Uri};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) fn backend(
    policy: &str,
    source: &config::Backend,
    index: &Index<'_>,
    counters: BackendCounters,
    carried: &mut Carried,
) -> Result<Backend, BackendError> {
    let header = HeaderValue::from_str(&source.name).map_err(|_| BackendError::Name)?;
    let unavailable = source.unavailable.clone();
    // What is broken in a backend that is not used must not cost the rest of the config.
    let used = unavailable.is_none();
    let target = target(policy, source, used, carried)?;
    Ok(Backend {
        name: source.name.clone(),
        seed: hash(source.name.as_bytes()),
        header,
        unavailable,
        memory: carried.memory(policy, &source.name, &target.endpoints),
        pace: carried.pace(policy, &source.name),
        hold: target.hold,
        spill: spill(source, index)?,
        held: carried.held(policy, &source.name),
        demand: carried.demand(policy, &source.name),
        gate: carried.gate(policy, &source.name, source.concurrency, target.endpoints.len())?,
        side: target.side,
        endpoints: target.endpoints,
        number: target.number,
        adapters: target.adapters,
        provider: target.provider,
        dialect: target.dialect,
        key: target.key,
        model_json: target.model_json,
        context_window: target.context_window,
        prices: target.prices,
        counters,
    })
}

/// Where part of its requests goes; an unknown place would be found out by the first of them.
fn spill(source: &config::Backend, index: &Index<'_>) -> Result<Option<Spill>, BackendError> {
    let BackendTarget::Fleet(FleetTarget { spill: Some(spill), .. }) = &source.target else {
        return Ok(None);
    };
    let unknown = || BackendError::SpillTarget(spill.backend.clone());
    let to =
        *index.get(spill.backend.as_str()).filter(|_| spill.backend != source.name).ok_or_else(unknown)?;
    if !(1..=100).contains(&spill.percent) {
        return Err(BackendError::SpillPercent(spill.percent));
    }
    Ok(Some(Spill { to, state: spill.state, percent: spill.percent }))
}

/// What differs between the two sides.
struct Target {
    side: Side,
    endpoints: Vec<Endpoint>,
    number: Option<u64>,
    adapters: Vec<Adapter>,
    provider: &'static str,
    dialect: &'static Dialect,
    key: Option<(HeaderName, HeaderValue)>,
    model_json: Bytes,
    context_window: Option<u32>,
    prices: Prices,
    hold: Option<HoldRules>,
}

fn target(
    policy: &str,
    source: &config::Backend,
    used: bool,
    carried: &mut Carried,
) -> Result<Target, BackendError> {
    let owner = |side| owner(policy, &source.name, side);
    Ok(match &source.target {
        BackendTarget::Fleet(fleet) => Target {
            side: Side::InCluster,
            endpoints: if used {
                fleet_endpoints(fleet, &owner(Side::InCluster), carried)?
            } else {
                Vec::new()
            },
            number: carried.number(fleet),
            adapters: fleet.adapters.iter().map(|source| adapter(fleet, source)).collect(),
            provider: dialect::FLEET,
            dialect: dialect::of(Provider::OpenAICompatible),
            key: None,
            model_json: unadapted(fleet),
            context_window: fleet.context_window,
            prices: Prices::default(),
            hold: fleet.hold.map(hold),
        },
        BackendTarget::External(external) => {
            let dialect = dialect::of(external.provider);
            let key = external.credentials.as_ref().filter(|_| used);
            Target {
                side: Side::External,
                endpoints: if used {
                    let (chat, embeddings) = external_uris(external, dialect)?;
                    vec![carried.endpoint(&owner(Side::External), chat, embeddings)]
                } else {
                    Vec::new()
                },
                number: None,
                adapters: Vec::new(),
                key: key.map(|key| credentials::header(dialect, key)).transpose()?,
                provider: dialect::name(external.provider),
                dialect,
                model_json: json_string(&external.model),
                context_window: external.context_window,
                prices: external.pricing.as_ref().map(prices).transpose()?.unwrap_or_default(),
                hold: None,
            }
        }
    })
}

/// The model without any adapter. llama-server has to be told so in each request: without `lora` it applies all that
/// it has, to what it kept of prompts with others.
fn unadapted(fleet: &FleetTarget) -> Bytes {
    let numbers = fleet.adapters.iter().filter_map(|adapter| match adapter.choice {
        AdapterChoice::Lora(number) => Some((number, "0.0")),
        AdapterChoice::Model(_) => None,
    });
    with_lora(&fleet.model, numbers)
}

/// The model's name, and the member `lora` if there is anything to say in it.
fn with_lora(model: &str, scales: impl Iterator<Item = (u32, &'static str)>) -> Bytes {
    let entries: Vec<_> = scales.map(|(id, scale)| format!(r#"{{"id":{id},"scale":{scale}}}"#)).collect();
    let model = json_string(model);
    if entries.is_empty() {
        return model;
    }
    let lora = format!(r#","lora":[{}]"#, entries.join(","));
    [&*model, lora.as_bytes()].concat().into()
}

fn adapter(fleet: &FleetTarget, source: &FleetAdapter) -> Adapter {
    let model_json = match &source.choice {
        AdapterChoice::Model(model) => json_string(model),
        // Those that are not named are not applied.
        AdapterChoice::Lora(number) => with_lora(&fleet.model, std::iter::once((*number, "1.0"))),
    };
    let number = hash(format!("{}:{}", fleet.model, source.name).as_bytes());
    Adapter { name: source.name.as_str().into(), number, model_json }
}

fn hold(source: config::Hold) -> HoldRules {
    HoldRules {
        most: usize::try_from(source.max_requests).unwrap_or(usize::MAX),
        patience: Duration::from_millis(source.timeout_ms),
        start: Duration::from_millis(source.start_ms),
    }
}

fn json_string(text: &str) -> Bytes {
    // A string always has a JSON form.
    Bytes::from(serde_json::to_vec(text).unwrap_or_default())
}

fn fleet_endpoints(
    fleet: &FleetTarget,
    owner: &str,
    carried: &mut Carried,
) -> Result<Vec<Endpoint>, BackendError> {
    let mut endpoints = Vec::with_capacity(fleet.endpoints.len());
    for endpoint in &fleet.endpoints {
        let wrong = || BackendError::Endpoint(endpoint.address.clone());
        let address: SocketAddr = endpoint.address.parse().map_err(|_| wrong())?;
        let dialect = dialect::of(Provider::OpenAICompatible);
        let (chat, embeddings) = uris(&format!("http://{address}/v1"), dialect).ok_or_else(wrong)?;
        endpoints.push(carried.endpoint(owner, chat, embeddings));
    }
    Ok(endpoints)
}

/// The addresses of an API at its base: of chats, and of embeddings if it has them.
fn uris(base: &str, dialect: &Dialect) -> Option<(Uri, Option<Uri>)> {
    let at = |operation| Some(format!("{base}{}", dialect.path(operation)?).parse().ok());
    let chat = at(Operation::Chat)??;
    match at(Operation::Embeddings) {
        Some(embeddings) => Some((chat, Some(embeddings?))),
        None => Some((chat, None)),
    }
}

fn external_uris(external: &ExternalTarget, dialect: &Dialect) -> Result<(Uri, Option<Uri>), BackendError> {
    let own = || external.provider.base_url();
    let url = external.base_url.as_deref().or_else(own).ok_or(BackendError::NoBaseUrl)?;
    let wrong = || BackendError::BaseUrl(url.to_owned());
    let base: Uri = url.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (base.scheme_str(), base.authority()) else {
        return Err(wrong());
    };
    if !matches!(scheme, "https" | "http") {
        return Err(BackendError::Scheme { url: url.to_owned(), scheme: scheme.to_owned() });
    }
    // The address may hold a password: say the rule, not the address.
    if base.query().is_some() || authority.as_str().contains('@') {
        return Err(BackendError::BaseUrlExtras);
    }
    let path = base.path().trim_end_matches('/');
    uris(&format!("{scheme}://{authority}{path}"), dialect).ok_or_else(wrong)
}

fn prices(pricing: &Pricing) -> Result<Prices, BackendError> {
    let parse =
        |field, text| NanoUsd::parse_usd(text).map_err(|source| BackendError::Price { field, source });
    let input = parse("input", &pricing.input)?;
    let cached_input = pricing.cached_input.as_ref().map(|text| parse("cachedInput", text));
    let output = parse("output", &pricing.output)?;
    Ok(Prices { input, cached_input: cached_input.transpose()?.unwrap_or(input), output })
}
