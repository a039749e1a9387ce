//! llama.cpp on models of random shape: rows that no rule has seen.
//!
//! `held_out.py` drew shapes and settings and measured; what the rules said before that is in the fixture's
//! columns `predicted_…`. View and build are in the fixture's header.

use flotilla_operator::decide::sizing::{
    Architecture, Engine, LlamaCpp, LlamaCppReport, Quantization, Request,
};

use crate::accuracy::Row;
use crate::fixtures::{read, table_rows};
use crate::shapes;

const BYTES_IN_MIB: f64 = 1_048_576.0;
const MIB_IN_GIB: f64 = 1024.0;
const MODELS: &str = "decide/sizing/tests/fixtures/llamacpp_held_out_models.csv";
const ROWS: &str = "decide/sizing/tests/fixtures/llamacpp_held_out.csv";

/// What is compared.
const TERMS: [&str; 3] = ["kvCache", "state", "compute"];

/// Whose figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimates {
    /// Those written down before the measurement.
    Predicted,
    /// Those of today's rules.
    Today,
}

/// Every row whose settings are measured, with terms that name the set.
pub fn rows(estimates: Estimates) -> Vec<Row> {
    let models = shapes::models(&read(MODELS));
    let mut rows = Vec::new();
    for row in table_rows(&read(ROWS)) {
        let model = &models[&row[0]];
        let today = report(model, &row);
        for (index, term) in TERMS.iter().enumerate() {
            let mib = |column: usize| row[column + index].parse::<f64>().expect("a number");
            let measured = mib(9);
            if measured == 0.0 {
                continue;
            }
            let (ours, view) = match estimates {
                Estimates::Predicted => (mib(6), "held out"),
                Estimates::Today => (today[index], "held out then, rules of today"),
            };
            let set = row[0].split('-').next().unwrap_or_default();
            rows.push(Row {
                engine: "llama.cpp",
                term: format!("{term}, {view}, set {set}"),
                group: format!("{:?}", model.family),
                model: row[0].clone(),
                settings: row[1..6].join(" "),
                ours_gib: ours / MIB_IN_GIB,
                measured_gib: measured / MIB_IN_GIB,
            });
        }
    }
    rows
}

/// The rows of a table with what today's rules say of them in MiB, in the columns of the fixture.
pub fn predictions(models: &str, rows: &str) -> String {
    let models = shapes::models(models);
    let mut lines = String::new();
    for row in table_rows(rows) {
        let [kv, state, compute] = report(&models[&row[0]], &row);
        lines.push_str(&format!("{},{kv:.2},{state:.2},{compute:.2}\n", row[..6].join(",")));
    }
    lines
}

fn report(architecture: &Architecture, row: &[String]) -> [f64; 3] {
    let number = |column: usize| row[column].parse::<u32>().expect("a number");
    let engine =
        LlamaCpp { ubatch_tokens: number(3), flash_attention: row[4] == "on", ..LlamaCpp::default() };
    let request = Request {
        parallel_sequences: number(2),
        kv: row[5].parse().expect("a type"),
        engine: Engine::LlamaCpp(engine),
        ..Request::new(architecture, Quantization::F16, number(1) / number(2))
    };
    let LlamaCppReport { kv_cache, state, compute } =
        engine.report(&request).unwrap_or_else(|error| panic!("{row:?}: {error}"));
    [kv_cache, state, compute].map(|bytes| bytes.get() as f64 / BYTES_IN_MIB)
}
