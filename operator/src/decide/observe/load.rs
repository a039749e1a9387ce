//! What engines say of their load in their metrics. A new engine is a line in [`ENGINES`].

use super::exposition::{Sample, samples};

/// Requests and tokens of one replica.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineLoad {
    /// Requests that wait for a slot.
    pub waiting: f64,
    /// Requests that are being answered.
    pub running: f64,
    /// Prompt tokens that were read since the engine began. vLLM counts them step by step, SGLang and llama.cpp when a
    /// request ends; llama.cpp leaves out those that it had cached.
    pub prompt_tokens: f64,
    /// Completion tokens that were written since the engine began, counted at the same moments.
    pub completion_tokens: f64,
}

/// What an engine calls them.
struct Names {
    waiting: &'static str,
    running: &'static str,
    prompt_tokens: &'static str,
    completion_tokens: &'static str,
}

/// By the engines' own documentation: llama.cpp's `tools/server/README.md` (with `--metrics`), vLLM's "Production
/// Metrics", SGLang's "Production Metrics" (with `--enable-metrics`).
#[rustfmt::skip]
const ENGINES: &[Names] = &[
    // llama.cpp
    Names { waiting: "llamacpp:requests_deferred", running: "llamacpp:requests_processing", prompt_tokens: "llamacpp:prompt_tokens_total", completion_tokens: "llamacpp:tokens_predicted_total" },
    // vLLM
    Names { waiting: "vllm:num_requests_waiting", running: "vllm:num_requests_running", prompt_tokens: "vllm:prompt_tokens_total", completion_tokens: "vllm:generation_tokens_total" },
    // SGLang
    Names { waiting: "sglang:num_queue_reqs", running: "sglang:num_running_reqs", prompt_tokens: "sglang:prompt_tokens_total", completion_tokens: "sglang:generation_tokens_total" },
];

/// Labels of processes that do one piece of work together: each says the same, and the first counts.
const RANKS: [&str; 3] = ["tp_rank", "pp_rank", "moe_ep_rank"];
/// SGLang with priorities counts requests in all, and again by priority.
const PART: &str = "priority";

/// A value that cannot be one.
struct NoFigure;

/// Reads an engine's metrics, whichever engine it is; none if any figure is missing or is none.
pub fn read(text: &str) -> Option<EngineLoad> {
    ENGINES.iter().find_map(|names| {
        let gauge = |name| sum(text, name).ok()?;
        // SGLang has no line for a counter before it first counts.
        let counter = |name| sum(text, name).ok().map(Option::unwrap_or_default);
        Some(EngineLoad {
            waiting: gauge(names.waiting)?,
            running: gauge(names.running)?,
            prompt_tokens: counter(names.prompt_tokens)?,
            completion_tokens: counter(names.completion_tokens)?,
        })
    })
}

/// Over all engines of one server, as for data parallelism; none if it does not speak of that.
fn sum(text: &str, name: &str) -> Result<Option<f64>, NoFigure> {
    let mut counted: Vec<Sample<'_>> = Vec::new();
    for sample in samples(text, name).filter(|sample| sample.label(PART).is_none()) {
        if counted.iter().any(|other| sample.is_labelled_like(other, &RANKS)) {
            continue;
        }
        if !(sample.value.is_finite() && sample.value >= 0.0) {
            return Err(NoFigure);
        }
        counted.push(sample);
    }
    Ok(counted.iter().map(|sample| sample.value).reduce(|sum, value| sum + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of llama-server's answer: one process, no labels.
    const LLAMA_CPP: &str = "\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 6886
# TYPE llamacpp:prompt_seconds_total counter
llamacpp:prompt_seconds_total 2903.63
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 3469
# TYPE llamacpp:tokens_predicted_seconds_total counter
llamacpp:tokens_predicted_seconds_total 3544.27
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 4
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 7
";

    /// In the form that vLLM documents: one series for each engine of a server.
    const VLLM: &str = "\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 8.0
vllm:num_requests_running{engine=\"1\",model_name=\"m\"} 6.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 1.0
vllm:num_requests_waiting{engine=\"1\",model_name=\"m\"} 0.0
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine=\"0\",model_name=\"m\",reason=\"capacity\"} 1.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 1.5e+06
vllm:prompt_tokens_total{engine=\"1\",model_name=\"m\"} 500000.0
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine=\"0\",model_name=\"m\"} 1.76e+09
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 300.0
vllm:generation_tokens_total{engine=\"1\",model_name=\"m\"} 200.0
";

    /// In the form that SGLang documents, with two ranks that each tell of the same requests.
    const SGLANG: &str = "\
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name=\"m\",tp_rank=\"0\",pp_rank=\"0\"} 3.0
sglang:num_running_reqs{model_name=\"m\",tp_rank=\"1\",pp_rank=\"0\"} 3.0
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\",pp_rank=\"0\"} 2.0
sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"1\",pp_rank=\"0\"} 2.0
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name=\"m\"} 8.128902e+06
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{model_name=\"m\"} 7.557572e+06
";

    /// The same with ranks that have requests of their own, and with priorities.
    const SGLANG_RANKS: &str = "\
sglang:num_running_reqs{model_name=\"m\",dp_rank=\"0\",tp_rank=\"0\",pp_rank=\"0\",priority=\"\"} 3.0
sglang:num_running_reqs{model_name=\"m\",dp_rank=\"0\",tp_rank=\"0\",pp_rank=\"0\",priority=\"1\"} 3.0
sglang:num_running_reqs{model_name=\"m\",dp_rank=\"0\",tp_rank=\"1\",pp_rank=\"0\",priority=\"\"} 3.0
sglang:num_running_reqs{model_name=\"m\",dp_rank=\"1\",tp_rank=\"2\",pp_rank=\"0\",priority=\"\"} 4.0
sglang:num_running_reqs{model_name=\"m\",dp_rank=\"1\",tp_rank=\"3\",pp_rank=\"0\",priority=\"\"} 4.0
sglang:num_queue_reqs{model_name=\"m\",dp_rank=\"0\",tp_rank=\"0\",pp_rank=\"0\"} 0.0
sglang:num_queue_reqs{model_name=\"m\",dp_rank=\"1\",tp_rank=\"2\",pp_rank=\"0\"} 2.0
";

    /// Before its first answer.
    const SGLANG_FRESH: &str = "sglang:num_running_reqs 1.0\nsglang:num_queue_reqs 0.0\n";

    #[test]
    fn every_engine_is_read_in_its_own_words() {
        for (text, waiting, running, prompt_tokens, completion_tokens) in [
            (LLAMA_CPP, 7.0, 4.0, 6886.0, 3469.0),
            (VLLM, 1.0, 14.0, 2e6, 500.0),
            (SGLANG, 2.0, 3.0, 8_128_902.0, 7_557_572.0),
            (SGLANG_RANKS, 2.0, 7.0, 0.0, 0.0),
            (SGLANG_FRESH, 0.0, 1.0, 0.0, 0.0),
        ] {
            let expected = EngineLoad { waiting, running, prompt_tokens, completion_tokens };
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_figure_that_is_missing_or_none_is_no_load() {
        for line in LLAMA_CPP.lines().filter(|line| line.contains("requests_") && !line.starts_with('#')) {
            assert_eq!(read(&LLAMA_CPP.replace(line, "")), None, "without {line}");
        }
        for value in ["NaN", "-1", "+Inf", "many"] {
            assert_eq!(read(&LLAMA_CPP.replace("deferred 7", &format!("deferred {value}"))), None, "{value}");
        }
        for value in ["NaN", "-1", "+Inf"] {
            assert_eq!(read(&LLAMA_CPP.replace("total 6886", &format!("total {value}"))), None, "{value}");
        }
        assert_eq!(read(""), None);
        assert_eq!(read("<html>not found</html>"), None);
    }
}
