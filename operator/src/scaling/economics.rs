//! What a model costs, as its status has it.

use super::cards::{Cards, whole};
use super::targets::Comparison;
use crate::decide::economics::{Ledger, Savings, TokenPrice, Usage};
use crate::decide::placement::{GpuNode, Inventory};
use flotilla_crds::ModelDeployment;
use flotilla_crds::labels;
use flotilla_crds::model_deployment::{EconomicsStatus, ScalingStatus};
use flotilla_crds::router_config::{NanoUsd, Pricing};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Statuses have prices to so many nano-dollars: four digits.
const SHOWN: u64 = 100_000;
const SECONDS_A_DAY: u128 = 86_400;

/// What one GPU costs in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuPrice {
    /// In nano-dollars.
    pub hourly: NanoUsd,
    /// Who says so.
    pub source: &'static str,
}

impl GpuPrice {
    /// The spec's, else the label's of its node or of another one with the product, else the catalogue's: of each
    /// replica that is there, and then the mean; of the GPUs that the first one would have where none is.
    pub(super) fn of(
        object: &ModelDeployment,
        inventory: &Inventory,
        places: &[(&GpuNode, Cards<'_>)],
        usual: &Cards<'_>,
    ) -> Option<Self> {
        let given = object.spec.scaling.as_ref().and_then(|scaling| scaling.gpu_hourly_price.as_deref());
        let given = given.and_then(read);
        let of = |node: Option<&GpuNode>, cards: &Cards<'_>| Self::of_one(given, inventory, node, cards);
        let known: Vec<_> =
            places.iter().filter_map(|(node, cards)| Some((of(Some(node), cards)?, cards))).collect();
        let Some((first, _)) = known.iter().find(|(_, cards)| *cards == usual).or(known.first()) else {
            return of(None, usual);
        };
        let sum = known.iter().fold(0_u64, |sum, (price, _)| sum.saturating_add(price.hourly.0));
        let count = u64::try_from(known.len()).unwrap_or(u64::MAX);
        Some(Self { hourly: NanoUsd(sum / count.max(1)), source: first.source })
    }

    /// Prices are of whole cards.
    fn of_one(
        given: Option<NanoUsd>,
        inventory: &Inventory,
        node: Option<&GpuNode>,
        cards: &Cards<'_>,
    ) -> Option<Self> {
        let own = node.and_then(|node| read(node.labels.get(labels::GPU_HOURLY_PRICE)?));
        let others = |product| inventory.price_labels(product).iter().find_map(|text| read(text));
        let labelled = || own.or_else(|| others(&cards.product)).or_else(|| others(whole(&cards.product)));
        let listed = || {
            let price = cards.card?.hourly()?;
            Some((NanoUsd(u64::from(price.cents) * 10_000_000), price.list.name()))
        };
        let (hourly, source) = (given.map(|hourly| (hourly, "spec")))
            .or_else(|| labelled().map(|hourly| (hourly, "node label")))
            .or_else(listed)?;
        Some(Self { hourly: part_of(hourly, cards.part), source })
    }
}

fn part_of(price: NanoUsd, part: f64) -> NanoUsd {
    if part >= 1.0 {
        return price;
    }
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates"
    )]
    let nanos = (price.0 as f64 * part).round() as u64;
    NanoUsd(nanos)
}

fn read(usd: &str) -> Option<NanoUsd> {
    NanoUsd::parse_usd(usd).ok()
}

/// A policy's price; none if it cannot be read, which the policy's own status says.
pub(super) fn token_price(pricing: &Pricing) -> Option<TokenPrice> {
    Some(TokenPrice { input: read(&pricing.input)?, output: read(&pricing.output)? })
}

/// The books of one model.
pub(super) struct Books {
    ledger: Ledger,
    since: Timestamp,
    /// Whether there ever was anything to compare with.
    saves: bool,
    /// What a status said, and beside which backend; it counts until a token was served.
    break_even: Option<(String, i64)>,
}

impl Books {
    /// Goes on where a status ends.
    pub(super) fn opened(known: Option<&ScalingStatus>, now: Timestamp) -> Self {
        let known = known.and_then(|status| status.economics.as_ref());
        let saved = known.and_then(|known| parse_signed(known.saved.as_deref()?));
        let since = known.and_then(|known| known.saved_since.as_ref()).filter(|_| saved.is_some());
        Self {
            ledger: Ledger::new(saved.map(Savings::remembered).unwrap_or_default()),
            since: since.map_or(now, |since| since.0),
            saves: saved.is_some(),
            break_even: known
                .and_then(|known| Some((known.compared_with.clone()?, known.break_even_tokens_per_day?))),
        }
    }

    /// So many replicas of this price are there, and serve so many prompt and completion tokens a second.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        (replicas, replica): (u32, NanoUsd),
        served: (f64, f64),
        compared: Option<&Comparison>,
    ) {
        let hourly = NanoUsd(replica.0.saturating_mul(replicas.into()));
        if compared.is_some() && !self.saves {
            (self.saves, self.since) = (true, now);
        }
        self.ledger.add(now, hourly, served, compared.map(|compared| compared.price));
    }

    /// The status; none before the first minute is over.
    pub(super) fn status(
        &self,
        replica: NanoUsd,
        source: &str,
        compared: Option<&Comparison>,
    ) -> Option<EconomicsStatus> {
        let usage = self.ledger.usage()?;
        let beside = usage.beside(compared.map(|compared| compared.price));
        let tokens = u128::from(usage.prompt_tokens) + u128::from(usage.completion_tokens);
        let per_day = tokens * SECONDS_A_DAY / u128::from(usage.seconds.max(1));
        Some(EconomicsStatus {
            hourly_cost: shown(usage.hourly),
            price_source: source.to_owned(),
            cost_per_million_tokens: beside.cost_per_million.map(shown),
            compared_with: compared.map(|compared| compared.name.clone()),
            external_cost_per_million_tokens: beside.external_per_million.map(shown),
            tokens_per_day: i64::try_from(per_day).unwrap_or(i64::MAX),
            break_even_tokens_per_day: compared.and_then(|with| self.break_even(usage, replica, with)),
            ..self.saved()
        })
    }

    /// What was saved as long as there was a price and something to compare with, and nothing else: another operator goes
    /// on from there.
    pub(super) fn saved(&self) -> EconomicsStatus {
        let since = Timestamp::from_second(self.since.as_second()).unwrap_or(self.since);
        EconomicsStatus {
            saved: self.saves.then(|| signed(self.ledger.savings().nanos())),
            saved_since: self.saves.then_some(Time(since)),
            ..EconomicsStatus::default()
        }
    }

    /// The same of a status.
    pub(super) fn saved_in(known: &EconomicsStatus) -> EconomicsStatus {
        let EconomicsStatus { saved, saved_since, .. } = known.clone();
        EconomicsStatus { saved, saved_since, ..EconomicsStatus::default() }
    }
    /// Of a model at zero: what its first replica would have to do. Of one that served nothing for a while, in the mix of
    /// tokens that it had before.
    fn break_even(&self, usage: Usage, replica: NanoUsd, compared: &Comparison) -> Option<i64> {
        let Some((prompt_tokens, completion_tokens)) = self.ledger.mix() else {
            let (name, tokens) = self.break_even.as_ref()?;
            return (*name == compared.name).then_some(*tokens);
        };
        let hourly = usage.hourly.max(replica);
        let one = Usage { hourly, prompt_tokens, completion_tokens, ..usage };
        let tokens = one.beside(Some(compared.price)).break_even_tokens_per_day?;
        Some(i64::try_from(tokens).unwrap_or(i64::MAX))
    }
}

fn shown(amount: NanoUsd) -> String {
    NanoUsd(amount.0.saturating_add(SHOWN / 2) / SHOWN * SHOWN).to_string()
}

fn signed(nanos: i128) -> String {
    let amount = NanoUsd(u64::try_from(nanos.unsigned_abs()).unwrap_or(u64::MAX));
    if nanos < 0 { format!("-{amount}") } else { amount.to_string() }
}

fn parse_signed(text: &str) -> Option<i128> {
    let amount = i128::from(read(text.strip_prefix('-').unwrap_or(text))?.0);
    Some(if text.starts_with('-') { -amount } else { amount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::gpu;
    use crate::decide::placement::testing::{inventory, node, with};
    use serde_json::json;

    #[test]
    fn the_nearest_price_counts() {
        let object = |price: Option<&str>| -> ModelDeployment {
            serde_json::from_value(json!({
                "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m"},
                "spec": {"model": {}, "scaling": {"maxReplicas": 1, "gpuHourlyPrice": price}},
            }))
            .unwrap()
        };
        let l4 = |name, label: Option<&str>| {
            let node = node(name, "NVIDIA-L4", 23034, 1);
            label.map_or(node.clone(), |label| with(node, labels::GPU_HOURLY_PRICE, label))
        };
        let labelled = inventory(&[l4("a", Some("0.40")), l4("b", Some("0.50")), l4("c", Some("free"))], &[]);
        let plain = inventory(&[l4("a", None)], &[]);
        let card = gpu("NVIDIA-L4").ok();
        let cards = |part| Cards { product: "NVIDIA-L4".into(), card, part };
        let price = |given, inventory: &Inventory, node: Option<&str>| {
            let node = node.map(|node| inventory.node(node).unwrap());
            let places: Vec<_> = node.map(|node| (node, cards(1.0))).into_iter().collect();
            let price = GpuPrice::of(&object(given), inventory, &places, &cards(1.0)).unwrap();
            (price.hourly.to_string(), price.source)
        };
        assert_eq!(price(Some("0.10"), &labelled, Some("b")), ("0.10".to_owned(), "spec"));
        assert_eq!(price(None, &labelled, Some("b")), ("0.50".to_owned(), "node label"));
        assert_eq!(price(None, &labelled, Some("c")), ("0.40".to_owned(), "node label"), "not a price");
        let listed = card.and_then(crate::decide::placement::Gpu::hourly).unwrap();
        let cents = format!("0.{:02}", listed.cents);
        assert_eq!(price(None, &plain, None), (cents, listed.list.name()));
        let unknown = Cards { product: "NVIDIA-X1".into(), card: None, part: 1.0 };
        assert_eq!(GpuPrice::of(&object(None), &plain, &[], &unknown), None);
        let places = [("a", 1.0), ("b", 1.0), ("b", 0.5)];
        let places = places.map(|(node, part)| (labelled.node(node).unwrap(), cards(part)));
        let mean = GpuPrice::of(&object(None), &labelled, &places, &cards(1.0)).unwrap();
        assert_eq!(
            mean.hourly,
            NanoUsd((400_000_000 + 500_000_000 + 250_000_000) / 3),
            "of what each one has"
        );
    }

    #[test]
    fn amounts_survive_a_restart() {
        for nanos in [0, 1, -1, 1_234_500_000, -98_700_000_000] {
            assert_eq!(parse_signed(&signed(nanos)), Some(nanos));
        }
        assert_eq!(parse_signed("a lot"), None);
        assert_eq!(shown(NanoUsd(123_456_789)), "0.1235");
    }
}
