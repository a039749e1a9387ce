//! What GPUs cost: by the hour in a cloud, and to buy. Each figure names the list that it is from.

/// Where hourly prices come from. All are for one GPU without a commitment, in the United States where that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceList {
    /// A planner's reference figures for the large clouds.
    Planner,
    /// A cloud with fixed prices.
    Hyperstack,
    /// A cloud with fixed prices.
    RunPod,
    /// A marketplace of many hosts: what it starts at, which is less than others ask.
    Akash,
}

impl PriceList {
    /// Every list.
    pub const ALL: [Self; 4] = [Self::Planner, Self::Hyperstack, Self::RunPod, Self::Akash];

    /// Where the list is, and of which day.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Planner => "llm-d-planner, data/configuration/gpu_catalog.json, 2026-04-03",
            Self::Hyperstack => {
                "Hyperstack on demand, hyperstack.cloud/gpu-pricing, 2026-08-26, as api-evangelist/nexgen-cloud has it"
            }
            Self::RunPod => {
                "RunPod Secure Cloud, 2026-08-19, as the data set privum/ai-compute-prices has it"
            }
            Self::Akash => {
                "Akash marketplace, akash.network/pricing/gpus, 2026-09-20, as api-evangelist/akash has it"
            }
        }
    }

    /// Its name, short enough for a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planner => "llm-d",
            Self::Hyperstack => "Hyperstack",
            Self::RunPod => "RunPod",
            Self::Akash => "Akash",
        }
    }
}

/// Where prices to buy come from.
pub const LAUNCH_PRICES: &str =
    "suggested price in the United States at launch, as the press reported NVIDIA's announcement of the card";

/// The price of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hourly {
    /// US cents.
    pub cents: u32,
    /// The list that has it.
    pub list: PriceList,
}

const fn at(cents: u32, list: PriceList) -> Hourly {
    Hourly { cents, list }
}

/// By name, in the order of the catalogue. Where several lists have a card, the earlier one counts.
#[rustfmt::skip]
const HOURLY: &[(&str, Hourly)] = &[
    ("RTX 3060 12GB",        at(14,  PriceList::Akash)),
    ("RTX 3090",             at(16,  PriceList::Akash)),
    ("RTX 3090 Ti",          at(25,  PriceList::Akash)),
    ("RTX 4080",             at(15,  PriceList::Akash)),
    ("RTX 4090",             at(39,  PriceList::Akash)),
    ("RTX 5090",             at(67,  PriceList::Akash)),
    ("RTX A4000",            at(15,  PriceList::Hyperstack)),
    ("RTX A6000",            at(50,  PriceList::Hyperstack)),
    ("RTX 4000 Ada",         at(41,  PriceList::Akash)),
    ("RTX PRO 6000",         at(145, PriceList::Akash)),
    ("RTX PRO 6000 Server",  at(185, PriceList::Hyperstack)),
    ("T4",                   at(15,  PriceList::Akash)),
    ("V100 SXM2 16GB",       at(36,  PriceList::Akash)),
    ("A10G",                 at(130, PriceList::Planner)),
    ("A40",                  at(44,  PriceList::RunPod)),
    ("A100 SXM4 40GB",       at(300, PriceList::Planner)),
    ("A100 PCIe 80GB",       at(135, PriceList::Hyperstack)),
    ("A100 SXM4 80GB",       at(350, PriceList::Planner)),
    ("L4",                   at(80,  PriceList::Planner)),
    ("L20",                  at(200, PriceList::Planner)),
    ("L40",                  at(250, PriceList::Planner)),
    ("H100 PCIe",            at(250, PriceList::Hyperstack)),
    ("H100 SXM",             at(450, PriceList::Planner)),
    ("H100 NVL",             at(319, PriceList::RunPod)),
    ("H200",                 at(575, PriceList::Planner)),
    ("B200",                 at(725, PriceList::Planner)),
    ("AMD Instinct MI300X",  at(375, PriceList::Planner)),
];

/// In US dollars, by name: see [`LAUNCH_PRICES`]. Cards for workstations and servers are sold without a price of their
/// maker.
#[rustfmt::skip]
const LAUNCH: &[(&str, u32)] = &[
    ("RTX 3060 12GB",      329),
    ("RTX 3060 Ti",        399),
    ("RTX 3070",           499),
    ("RTX 3080 10GB",      699),
    ("RTX 3090",         1_499),
    ("RTX 4060",           299),
    ("RTX 4060 Ti 8GB",    399),
    ("RTX 4060 Ti 16GB",   499),
    ("RTX 4070",           599),
    ("RTX 4070 Ti",        799),
    ("RTX 4080",         1_199),
    ("RTX 4080 SUPER",     999),
    ("RTX 4090",         1_599),
    ("RTX 5070",           549),
    ("RTX 5070 Ti",        749),
    ("RTX 5080",           999),
    ("RTX 5090",         1_999),
    ("RTX 2080 Ti",        999),
];

/// The price of an hour of the card of that name.
pub(super) fn hourly(name: &str) -> Option<Hourly> {
    HOURLY.iter().find(|(known, _)| *known == name).map(|(_, price)| *price)
}

/// What the card of that name cost new, in US dollars.
pub(super) fn launch(name: &str) -> Option<u32> {
    LAUNCH.iter().find(|(known, _)| *known == name).map(|(_, dollars)| *dollars)
}

#[cfg(test)]
mod tests {
    use super::super::gpus;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_price_is_that_of_one_known_card() {
        let known: BTreeSet<_> = gpus().iter().map(|gpu| gpu.name).collect();
        for names in [
            HOURLY.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            LAUNCH.iter().map(|(name, _)| *name).collect(),
        ] {
            let unique: BTreeSet<_> = names.iter().copied().collect();
            assert_eq!(unique.len(), names.len(), "a card twice");
            assert!(unique.is_subset(&known), "{:?}", unique.difference(&known));
        }
    }

    #[test]
    fn at_least_forty_cards_have_a_price() {
        let priced = gpus().iter().filter(|gpu| gpu.hourly().is_some() || gpu.launch_usd().is_some());
        assert!(priced.count() >= 40);
    }
}
