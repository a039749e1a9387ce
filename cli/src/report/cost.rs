//! What models cost, as their statuses say.

use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EconomicsStatus;
use flotilla_crds::router_config::NanoUsd;

const A_DOLLAR: i128 = 1_000_000_000;

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Replicas that serve.
    pub ready_replicas: i32,
    /// What the operator reports, or why it reports nothing.
    pub economics: Result<EconomicsStatus, Unknown>,
}

/// Why there are no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nobody looks at its load.
    NotScaled,
    /// No price of its GPU is known, or the first minute is not over.
    NoPrice,
}

impl Unknown {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotScaled => {
                "costs are told for models with spec.scaling; mode Advisory changes nothing else"
            }
            Self::NoPrice => {
                "no price of its GPU is known, or it has been seen for less than a minute: set spec.scaling.gpuHourlyPrice, or the label flotilla.dev/gpu-hourly-price on nodes"
            }
        }
    }
}

/// Of each object, in the order of namespaces and names.
pub fn costs(objects: &[ModelDeployment]) -> Vec<Cost> {
    let mut costs: Vec<_> = objects.iter().map(cost).collect();
    costs.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    costs
}

fn cost(object: &ModelDeployment) -> Cost {
    let status = object.status.as_ref();
    let economics = status.and_then(|status| status.scaling.as_ref()?.economics.clone());
    // Without a price there is only what was saved before.
    let economics = economics.filter(|economics| !economics.hourly_cost.is_empty());
    let unknown = if object.spec.scaling.is_some() { Unknown::NoPrice } else { Unknown::NotScaled };
    Cost {
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
        ready_replicas: status.map_or(0, |status| status.ready_replicas),
        economics: economics.ok_or(unknown),
    }
}

/// All models together: what they cost in an hour, and what was saved, in nano-dollars.
pub fn total(costs: &[Cost]) -> (i128, i128) {
    let known = || costs.iter().filter_map(|cost| cost.economics.as_ref().ok());
    let hourly = known().map(|economics| nanos(&economics.hourly_cost)).sum();
    let saved = known().filter_map(|economics| economics.saved.as_deref()).map(nanos).sum();
    (hourly, saved)
}

/// Nano-dollars of an amount with an optional sign; what cannot be read is nothing.
fn nanos(usd: &str) -> i128 {
    let (sign, amount) = usd.strip_prefix('-').map_or((1, usd), |amount| (-1, amount));
    NanoUsd::parse_usd(amount).map_or(0, |amount| sign * i128::from(amount.0))
}

/// Nano-dollars as dollars and cents.
pub fn dollars(nanos: i128) -> String {
    rounded(nanos, 2)
}

/// To so many digits, at most nine.
fn rounded(nanos: i128, digits: u32) -> String {
    let (parts, nanos_a_part) = (10_u128.pow(digits), 10_u128.pow(9_u32.saturating_sub(digits)));
    let amount = (nanos.unsigned_abs() + nanos_a_part / 2) / nanos_a_part;
    let sign = if nanos < 0 && amount > 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", amount / parts, amount % parts, width = digits as usize)
}

/// An amount of a status, as dollars and cents.
pub fn cents(usd: &str) -> String {
    dollars(nanos(usd))
}

/// The price of a million tokens in a status: small models cost less than a cent, so that below a dollar it has the four
/// digits that the status has.
pub fn price(usd: &str) -> String {
    let nanos = nanos(usd);
    let digits = if (1..A_DOLLAR).contains(&nanos) { 4 } else { 2 };
    rounded(nanos, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_to_cents_and_keep_their_sign() {
        for (usd, shown) in [
            ("0.8", "0.80"),
            ("1.005", "1.01"),
            ("-0.004", "0.00"),
            ("-12.34567", "-12.35"),
            ("a lot", "0.00"),
        ] {
            assert_eq!(cents(usd), shown);
        }
    }

    #[test]
    fn prices_of_tokens_below_a_dollar_have_four_digits() {
        for (usd, shown) in
            [("0.0042", "0.0042"), ("0.15", "0.1500"), ("1.00", "1.00"), ("4.375", "4.38"), ("0", "0.00")]
        {
            assert_eq!(price(usd), shown);
        }
    }
}
