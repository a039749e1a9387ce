//! The catalogues: GPUs and presets.

use super::human::price;
use super::json::dollars;
use super::style::{Look, Style};
use super::table::{Column, table};
use crate::report::grouped;
use flotilla_operator::decide::placement::{Gpu, LAUNCH_PRICES, PriceList};
use flotilla_operator::decide::sizing::{Architecture, Attention, Preset};
use serde_json::{Value, json};

/// GPUs for people.
pub fn gpus_table(gpus: &[Gpu], look: &Look) -> String {
    let columns = [
        Column { title: "GPU", right: false, rank: 0 },
        Column { title: "MiB", right: true, rank: 2 },
        Column { title: "USABLE MiB", right: true, rank: 1 },
        Column { title: "GB/s", right: true, rank: 4 },
        Column { title: "CC", right: true, rank: 5 },
        Column { title: "$/HOUR", right: true, rank: 3 },
        Column { title: "LISTED BY", right: false, rank: 7 },
        Column { title: "$ NEW", right: true, rank: 6 },
        Column { title: "nvidia.com/gpu.product", right: false, rank: 8 },
    ];
    let row = |gpu: &Gpu| {
        let approximate = if gpu.measured_mib.is_some() { "" } else { "~" };
        vec![
            gpu.name.to_owned(),
            grouped(gpu.memory_mib),
            format!("{approximate}{}", grouped(gpu.usable_mib())),
            grouped(gpu.bandwidth_gb_s.into()),
            gpu.compute_capability.map(|(major, minor)| format!("{major}.{minor}")).unwrap_or_default(),
            price(gpu.hourly()),
            gpu.hourly().map(|price| price.list.name().to_owned()).unwrap_or_default(),
            gpu.launch_usd().map_or_else(|| "-".to_owned(), |dollars| grouped(dollars.into())),
            gpu.product.unwrap_or_default().to_owned(),
        ]
    };
    let rows: Vec<_> = gpus.iter().map(row).collect();
    let mut notes = vec![
        "MiB: as the driver reports it. USABLE: what one program can have; ~ is the driver's total less 384 MiB \
         and 1 %, where nobody published a measurement. $/HOUR: of one GPU, without a commitment:"
            .to_owned(),
    ];
    notes.extend(PriceList::ALL.map(|list| format!("{}: {}.", list.name(), list.source())));
    notes.push(format!("$ NEW: {LAUNCH_PRICES}."));
    let notes: String = notes.iter().map(|note| look.wrapped("", note)).collect();
    table(look, 0, &columns, &rows) + "\n" + &look.paint(Style::Dim, notes)
}

/// GPUs for programs.
pub fn gpus_json(gpus: &[Gpu]) -> Value {
    let object = |gpu: &Gpu| {
        let mut value = json!({
            "name": gpu.name,
            "product": gpu.product,
            "memoryBytes": gpu.memory_mib << 20,
            "usableBytes": gpu.usable_mib() << 20,
            "usableMeasured": gpu.measured_mib.is_some(),
            "bandwidthGBps": gpu.bandwidth_gb_s,
            "computeCapability": gpu.compute_capability.map(|(major, minor)| format!("{major}.{minor}")),
        });
        if let (Some(price), Value::Object(fields)) = (gpu.hourly(), &mut value) {
            fields.insert("pricePerHourUSD".to_owned(), json!(dollars(price)));
            fields.insert("priceSource".to_owned(), json!(price.list.source()));
        }
        if let (Some(usd), Value::Object(fields)) = (gpu.launch_usd(), &mut value) {
            fields.insert("launchPriceUSD".to_owned(), json!(usd));
            fields.insert("launchPriceSource".to_owned(), json!(LAUNCH_PRICES));
        }
        value
    };
    gpus.iter().map(object).collect()
}

/// Presets for people.
pub fn presets_table(presets: &[Preset], look: &Look) -> String {
    let columns = [
        Column { title: "PRESET", right: false, rank: 0 },
        Column { title: "CONTEXT", right: true, rank: 1 },
        Column { title: "LAYERS", right: true, rank: 2 },
        Column { title: "HIDDEN", right: true, rank: 3 },
        Column { title: "ATTENTION", right: false, rank: 4 },
    ];
    let row = |preset: &Preset| {
        let Architecture { layers, hidden, context_window, attention, .. } = &preset.architecture;
        vec![
            preset.name.to_owned(),
            grouped((*context_window).into()),
            layers.to_string(),
            grouped((*hidden).into()),
            self::attention(attention),
        ]
    };
    table(look, 0, &columns, &presets.iter().map(row).collect::<Vec<_>>())
}

/// Presets for programs.
pub fn presets_json(presets: &[Preset]) -> Value {
    let object = |preset: &Preset| {
        let Architecture { layers, hidden, vocab, context_window, .. } = preset.architecture;
        json!({
            "name": preset.name,
            "contextWindow": context_window,
            "layers": layers,
            "hiddenSize": hidden,
            "vocabSize": vocab,
        })
    };
    presets.iter().map(object).collect()
}

fn attention(attention: &Attention) -> String {
    match attention {
        Attention::Grouped { heads, kv_heads, head_dim } if heads == kv_heads => {
            format!("{heads} heads of {head_dim}")
        }
        Attention::Grouped { heads, kv_heads, head_dim } => {
            format!("{heads} heads of {head_dim}, {kv_heads} for KV")
        }
        Attention::Latent { heads, kv_rank, rope_dim, .. } => {
            format!("{heads} heads, latent of {}", kv_rank.saturating_add(*rope_dim))
        }
    }
}
