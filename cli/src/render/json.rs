//! A report for programs. The names are part of the interface: add, never rename.

use crate::report::{Fit, Report};
use flotilla_operator::decide::placement::Hourly;
use flotilla_operator::decide::sizing::Estimate;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FitJson {
    name: &'static str,
    product: Option<&'static str>,
    memory_bytes: u64,
    usable_bytes: u64,
    free_bytes: u64,
    #[serde(rename = "pricePerHourUSD", skip_serializing_if = "Option::is_none")]
    price_per_hour_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_source: Option<&'static str>,
}

/// One report as an object, several as a list.
pub fn json(reports: &[Report]) -> Value {
    match reports {
        [report] => object(report),
        reports => reports.iter().map(object).collect(),
    }
}

fn object(report: &Report) -> Value {
    let term = |name: &str| {
        let terms = report.estimate.iter().flat_map(Estimate::terms);
        terms.into_iter().find(|(term, _)| *term == name).map(|(_, bytes)| bytes.get())
    };
    let total = report.estimate.as_ref().map_or(report.per_gpu, Estimate::total);
    let mut value = json!({
        "name": report.name,
        "facts": report.facts,
        "weightsBytes": term("weights"),
        "kvCacheBytes": term("kvCache"),
        "computeBytes": term("compute"),
        "runtimeBytes": term("runtime"),
        "adaptersBytes": term("adapters"),
        "stateBytes": term("state"),
        "totalBytes": total.get(),
        "gpus": report.gpus,
        "perGPUBytes": report.per_gpu.get(),
        "headroomPercent": report.headroom_percent,
        "requiredPerGPUBytes": report.required.get(),
        "basis": format!("{:?}", report.basis),
        "engineFlags": report.flags,
        "engineFlagsFor": report.flags_for.map(|gpu| gpu.name),
        "warnings": report.warnings,
        "assumptions": report.assumptions,
        "alternatives": report.alternatives,
        "fits": report.fits.iter().map(fit).collect::<Vec<_>>(),
    });
    if let (Some(verdict), Value::Object(fields)) = (report.asked, &mut value) {
        let asked = json!({
            "name": verdict.gpu.name,
            "product": verdict.gpu.product,
            "fits": verdict.fits,
            "missingBytes": verdict.missing.get(),
        });
        fields.insert("asked".to_owned(), asked);
    }
    value
}

fn fit(fit: &Fit) -> FitJson {
    FitJson {
        name: fit.gpu.name,
        product: fit.gpu.product,
        memory_bytes: fit.gpu.memory_mib << 20,
        usable_bytes: fit.gpu.usable_mib() << 20,
        free_bytes: fit.free.get(),
        price_per_hour_usd: fit.gpu.hourly().map(dollars),
        price_source: fit.gpu.hourly().map(|price| price.list.source()),
    }
}

/// The price of an hour in dollars.
pub(super) fn dollars(price: Hourly) -> f64 {
    f64::from(price.cents) / 100.0
}
