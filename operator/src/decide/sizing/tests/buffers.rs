//! KV cache, recurrent state and compute buffers of other architectures, against what llama-server prints.

use super::super::engine::llama_cpp::compute::graph;
use super::super::engine::llama_cpp::pass::Pass;
use super::super::{Architecture, Engine, KvCacheType, LlamaCpp, Quantization, Request, estimate};
use super::{architecture, mib, rows};

struct Row {
    text: String,
    architecture: Architecture,
    context_tokens: u32,
    sequences: u32,
    engine: LlamaCpp,
    kv: KvCacheType,
    printed: [f64; 3],
}

impl Row {
    fn read(cells: &[&str]) -> Self {
        let number = |column: usize| cells[column].parse::<u32>().ok();
        let mut architecture = architecture(cells[0]);
        architecture.layers = number(1).unwrap_or(architecture.layers);
        if let (Some(experts), Some(count)) = (&mut architecture.feed_forward.experts, number(2)) {
            experts.count = count;
        }
        let sequences = number(4).unwrap();
        Self {
            text: cells.join(","),
            architecture,
            context_tokens: number(3).unwrap() / sequences,
            sequences,
            engine: LlamaCpp {
                ubatch_tokens: number(5).unwrap(),
                flash_attention: cells[6] == "on",
                ..LlamaCpp::default()
            },
            kv: cells[7].parse().unwrap(),
            printed: [8, 9, 10].map(|column| cells[column].parse().unwrap()),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            parallel_sequences: self.sequences,
            kv: self.kv,
            engine: Engine::LlamaCpp(self.engine),
            ..Request::new(&self.architecture, Quantization::F16, self.context_tokens)
        }
    }
}

fn read() -> Vec<Row> {
    rows(include_str!("fixtures/llamacpp_server_architectures.csv")).map(|cells| Row::read(&cells)).collect()
}

#[test]
fn kv_cache_and_state_are_what_servers_print() {
    for row in read() {
        let estimate = estimate(&row.request()).unwrap();
        let (kv, state) = (mib(estimate.kv_cache), mib(estimate.state));
        assert!((kv - row.printed[0]).abs() < 0.02, "{}: {kv:.2} MiB", row.text);
        assert!((state - row.printed[1]).abs() < 0.02, "{}: {state:.2} MiB", row.text);
    }
}

#[test]
fn compute_buffers_are_never_much_under_and_seldom_much_over() {
    let mut errors: Vec<f64> = Vec::new();
    let mut wrong = Vec::new();
    for row in read() {
        let pass = Pass::of(&row.engine, &row.request()).unwrap();
        let ours = mib(graph(&row.architecture, &pass).unwrap());
        let error = ours / row.printed[2] - 1.0;
        errors.push(error.abs());
        if !(-0.02..0.16).contains(&error) {
            wrong.push(format!("{}: {ours:.2} MiB ({:+.1} %)", row.text, 100.0 * error));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    errors.sort_by(f64::total_cmp);
    assert!(errors[errors.len() / 2] < 0.01, "median {}", errors[errors.len() / 2]);
}
