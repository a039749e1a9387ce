//! llama.cpp: the view of its quantizer, and of its own start-up lines. Compute buffers are those of its CPU
//! backend; the runtime of a GPU is in none of them.

use std::collections::BTreeMap;

use flotilla_operator::decide::sizing::{
    Architecture, Engine, LlamaCpp, LlamaCppReport, Quantization, Request, estimate, preset,
};

use crate::accuracy::Row;
use crate::fixtures::{gib, read, rows as fixture};
use crate::shapes;

const MIB_IN_GIB: f64 = 1024.0;
const MIB_IN_BYTES: f64 = 1_048_576.0;
const MORE_MODELS: &str = "decide/sizing/tests/fixtures/llamacpp_more_models.csv";

/// The lines that a server prints of its buffers.
pub const BUFFERS: [&str; 3] = ["kvCache", "state", "compute"];
/// Their sum: what a server takes beside its weights.
pub const SUM: &str = "all but weights";

/// Every row of the fixtures.
pub fn rows() -> Vec<Row> {
    let more = shapes::models(&read(MORE_MODELS));
    [
        weights("llamacpp_dryrun_sizes.csv", &more),
        weights("llamacpp_dryrun_sizes_more.csv", &more),
        weights("llamacpp_dryrun_sizes_architectures.csv", &more),
        servers("llamacpp_server_architectures.csv", &more),
        plain_servers(&more),
    ]
    .concat()
}

fn known(name: &str, more: &BTreeMap<String, Architecture>) -> Option<Architecture> {
    more.get(name).cloned().or_else(|| preset(name).ok().map(|preset| preset.architecture.clone()))
}

fn weights(name: &str, more: &BTreeMap<String, Architecture>) -> Vec<Row> {
    fixture(name)
        .into_iter()
        .filter_map(|row| {
            // The file alone: vision towers come in one of their own. Metadata does not tell tied embeddings.
            let architecture = Architecture { vision: None, ..preset(&row[0]).ok()?.architecture.clone() };
            let quantization: Quantization = row[1].parse().expect("a quantization");
            let engine = Engine::LlamaCpp(LlamaCpp { host_memory: true, ..LlamaCpp::default() });
            let request = Request { engine, ..Request::new(&architecture, quantization, 4096) };
            let ours = estimate(&request).expect("an estimate").weights;
            Some(Row {
                engine: "llama.cpp",
                term: "weights".to_owned(),
                group: format!("{:?}", architecture.family),
                model: row[0].clone(),
                settings: row[1].clone(),
                ours_gib: gib(ours),
                measured_gib: row[2].parse::<f64>().expect("a number") / MIB_IN_GIB,
            })
        })
        .filter(|row| !more.contains_key(&row.model))
        .collect()
}

/// Settings of a server, in the columns of the fixtures.
pub struct Settings<'a> {
    pub context: &'a str,
    pub sequences: &'a str,
    pub ubatch: &'a str,
    pub flash_attention: &'a str,
    pub kv: &'a str,
}

impl Settings<'_> {
    /// What a server prints in MiB, by our rules.
    pub fn report(&self, architecture: &Architecture) -> [f64; 3] {
        let number = |text: &str| text.parse::<u32>().expect("a number");
        let engine = LlamaCpp {
            ubatch_tokens: number(self.ubatch),
            flash_attention: self.flash_attention == "on",
            ..LlamaCpp::default()
        };
        let sequences = number(self.sequences);
        let request = Request {
            parallel_sequences: sequences,
            kv: self.kv.parse().expect("a type"),
            engine: Engine::LlamaCpp(engine),
            ..Request::new(architecture, Quantization::F16, number(self.context) / sequences)
        };
        let LlamaCppReport { kv_cache, state, compute } =
            engine.report(&request).unwrap_or_else(|error| panic!("{self}: {error}"));
        [kv_cache, state, compute].map(|bytes| bytes.get() as f64 / MIB_IN_BYTES)
    }
}

impl std::fmt::Display for Settings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { context, sequences, ubatch, flash_attention, kv } = self;
        write!(
            f,
            "{context} tokens, {sequences} sequences, ubatch {ubatch}, flash attention {flash_attention}, {kv}"
        )
    }
}

/// Rows of three buffers, each that was printed, and of their sum where all are there.
pub fn compared(
    model: &str,
    group: &str,
    view: &str,
    settings: &Settings<'_>,
    ours: [f64; 3],
    printed: [Option<f64>; 3],
) -> Vec<Row> {
    let row = |term: &str, ours: f64, printed: f64| Row {
        engine: "llama.cpp",
        term: format!("{term}{view}"),
        group: group.to_owned(),
        model: model.to_owned(),
        settings: settings.to_string(),
        ours_gib: ours / MIB_IN_GIB,
        measured_gib: printed / MIB_IN_GIB,
    };
    let mut rows: Vec<Row> = BUFFERS
        .iter()
        .zip(ours.iter().zip(printed))
        .filter_map(|(term, (ours, printed))| Some(row(term, *ours, printed.filter(|mib| *mib > 0.0)?)))
        .collect();
    if let [Some(kv), Some(state), Some(compute)] = printed {
        rows.push(row(SUM, ours.iter().sum(), kv + state + compute));
    }
    rows
}

fn servers(name: &str, more: &BTreeMap<String, Architecture>) -> Vec<Row> {
    let printed = |row: &[String]| [8, 9, 10].map(|column| row[column].parse().ok());
    fixture(name)
        .into_iter()
        .flat_map(|row| {
            let mut architecture = known(&row[0], more).unwrap_or_else(|| panic!("{} is unknown", row[0]));
            architecture.layers = row[1].parse().unwrap_or(architecture.layers);
            if let (Some(experts), Ok(count)) = (&mut architecture.feed_forward.experts, row[2].parse()) {
                experts.count = count;
            }
            let [context, sequences, ubatch, flash_attention, kv] =
                [3, 4, 5, 6, 7].map(|column| row[column].as_str());
            let settings = Settings { context, sequences, ubatch, flash_attention, kv };
            let ours = settings.report(&architecture);
            compared(&row[0], &format!("{:?}", architecture.family), "", &settings, ours, printed(&row))
        })
        .collect()
}

/// Rows of which only the compute buffer was noted.
fn plain_servers(more: &BTreeMap<String, Architecture>) -> Vec<Row> {
    fixture("llamacpp_server_compute.csv")
        .into_iter()
        .flat_map(|row| {
            let architecture = known(&row[0], more).unwrap_or_else(|| panic!("{} is unknown", row[0]));
            let [context, sequences, ubatch] = [1, 2, 3].map(|column| row[column].as_str());
            let settings = Settings { context, sequences, ubatch, flash_attention: "on", kv: "f16" };
            let ours = settings.report(&architecture);
            let group = format!("{:?}", architecture.family);
            compared(&row[0], &group, "", &settings, ours, [None, None, row[4].parse().ok()])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Accuracy;

    #[test]
    fn all_rows_are_within_the_goals() {
        let rows = rows();
        let of = |term: &str| Accuracy::of(rows.iter().filter(|row| row.term == term));
        let [weights, kv, compute] = ["weights", "kvCache", "compute"].map(of);
        assert!(weights.median < 0.1 && weights.p95 < 1.0 && weights.lowest > -0.1, "{weights:?}");
        assert_eq!((kv.rows, compute.rows), (77, 77 + 120), "the fixtures lost rows");
        assert!(kv.highest.abs() < 0.1 && kv.lowest.abs() < 0.1, "{kv:?}");
        assert!(compute.median < 0.5 && compute.p95 < 5.0 && compute.lowest > -3.0, "{compute:?}");
    }
}
