//! llama.cpp: the view of its own start-up lines and of its quantizer. Compute buffers are those of its CPU
//! backend; the runtime of a GPU is in none of them.

use flotilla_operator::decide::sizing::{
    Architecture, Engine, LlamaCpp, Quantization, Request, estimate, preset,
};

use crate::accuracy::Row;
use crate::fixtures::{gib, rows as fixture};

const MIB_IN_GIB: f64 = 1024.0;

/// Every row of the fixtures whose model is a preset.
pub fn rows() -> Vec<Row> {
    [weights("llamacpp_dryrun_sizes.csv"), weights("llamacpp_dryrun_sizes_architectures.csv"), buffers()]
        .concat()
}

fn known(name: &str) -> Option<Architecture> {
    preset(name).ok().map(|preset| preset.architecture.clone())
}

fn weights(name: &str) -> Vec<Row> {
    fixture(name)
        .into_iter()
        .filter_map(|row| {
            // The file alone: vision towers come in one of their own.
            let architecture = Architecture { vision: None, ..known(&row[0])? };
            let quantization: Quantization = row[1].parse().expect("a quantization");
            let engine = Engine::LlamaCpp(LlamaCpp { host_memory: true, ..LlamaCpp::default() });
            let request = Request { engine, ..Request::new(&architecture, quantization, 4096) };
            let ours = estimate(&request).expect("an estimate").weights;
            Some(line("weights", &architecture, &row, &row[1], gib(ours), &row[2]))
        })
        .collect()
}

fn buffers() -> Vec<Row> {
    let rows = fixture("llamacpp_server_architectures.csv").into_iter();
    let whole = rows.filter(|row| row[1].is_empty() && row[6] == "on" && row[7] == "f16");
    whole
        .filter_map(|row| {
            let architecture = known(&row[0])?;
            let number = |column: usize| row[column].parse::<u32>().expect("a number");
            let engine = LlamaCpp { ubatch_tokens: number(5), ..LlamaCpp::default() };
            let request = Request {
                parallel_sequences: number(4),
                engine: Engine::LlamaCpp(engine),
                ..Request::new(&architecture, Quantization::F16, number(3) / number(4))
            };
            let estimate = estimate(&request).expect("an estimate");
            let settings = format!("{} tokens, {} sequences, ubatch {}", row[3], row[4], row[5]);
            Some([
                line("kvCache", &architecture, &row, &settings, gib(estimate.kv_cache), &row[8]),
                line("compute", &architecture, &row, &settings, gib(estimate.compute), &row[10]),
            ])
        })
        .flatten()
        .collect()
}

fn line(term: &str, a: &Architecture, row: &[String], settings: &str, ours_gib: f64, mib: &str) -> Row {
    Row {
        engine: "llama.cpp",
        term: term.to_owned(),
        group: format!("{:?}", a.family),
        model: row[0].clone(),
        settings: settings.to_owned(),
        ours_gib,
        measured_gib: mib.parse::<f64>().expect("a number") / MIB_IN_GIB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Accuracy;

    #[test]
    fn all_rows_are_within_the_goals() {
        let rows = rows();
        let of = |term: &str| Accuracy::of(rows.iter().filter(|row| row.term == term));
        assert!(of("weights").p95 < 0.1, "{:?}", of("weights"));
        assert!(of("kvCache").highest.abs() < 0.1, "{:?}", of("kvCache"));
        let compute = of("compute");
        assert!(compute.median < 3.0 && compute.p95 < 16.0 && compute.lowest > -3.0, "{compute:?}");
    }
}
