//! What the demo prints.

use super::observe::{Observation, percent};
use super::traffic::Request;
use super::{Cluster, NAMESPACE};
use flotilla_crds::router_config::NanoUsd;
use serde_json::Value;
use std::fmt::Write as _;

/// The prices of the stand-in, per million tokens, as `objects.yaml` has them: what the fleet's tokens would have
/// cost outside.
const PRICES: (&str, &str) = ("2.50", "10.00");

/// Renders the figures.
pub(super) fn figures(seen: &Observation) -> String {
    let sections = [nodes(seen), models(seen), split(seen), money(seen), memory(seen)];
    format!("\n{}", sections.join("\n"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn nodes(seen: &Observation) -> String {
    let mut out = String::from("NODES AND WHAT SITS ON THEM\n");
    for node in &seen.nodes {
        let (name, labels) = (text(&node["metadata"]["name"]), &node["metadata"]["labels"]);
        let product = text(&labels["nvidia.com/gpu.product"]).trim_start_matches("NVIDIA-GeForce-");
        let gpus = text(&node["status"]["allocatable"]["nvidia.com/gpu"]);
        let _ = writeln!(
            out,
            "  {name:<12} {product:<12} {gpus} x {:>6} MiB",
            text(&labels["nvidia.com/gpu.memory"])
        );
        for pod in seen.summary.pods.iter().filter(|pod| pod.node == name) {
            let _ = writeln!(out, "    {:<40} needs {:>6} MiB", pod.name, pod.estimate_mib);
        }
    }
    for pod in &seen.waiting {
        let _ = writeln!(out, "  no node for {:<27} needs {:>6} MiB", pod.name, pod.estimate_mib);
    }
    out
}

fn models(seen: &Observation) -> String {
    let mut out = String::from(
        "ESTIMATES, MiB PER REPLICA\n  model            quant    weights kvCache compute runtime   total   fits\n",
    );
    for model in &seen.models {
        let (memory, status) = (&model["status"]["memory"], &model["status"]);
        let term = |name: &str| text(&memory[name]).trim_end_matches("Mi").to_owned();
        let _ = writeln!(
            out,
            "  {:<16} {:<8} {:>7} {:>7} {:>7} {:>7} {:>7}   {}",
            text(&model["metadata"]["name"]),
            text(&model["spec"]["model"]["quantization"]),
            term("weights"),
            term("kvCache"),
            term("compute"),
            term("runtime"),
            term("total"),
            text(&status["placement"]["message"]),
        );
    }
    for model in &seen.models {
        let conditions = model["status"]["conditions"].as_array().into_iter().flatten();
        for condition in conditions.filter(|c| c["type"] == "Placeable" && c["status"] == "False") {
            let _ = writeln!(out, "  {}: {}", text(&model["metadata"]["name"]), text(&condition["message"]));
        }
    }
    out
}

fn split(seen: &Observation) -> String {
    let outside = |r: &&Request| r.backend.as_deref() == Some("gpt-4o");
    let of = |kind: &'static str| seen.requests.iter().filter(move |r| r.ok && r.kind == kind);
    let mut out = String::from("THE SPLIT\n");
    let plain = of("plain").count();
    let _ = writeln!(
        out,
        "  {plain} plain requests: asked 95.0 % fleet / 5.0 % external, observed {:.1} % / {:.1} %",
        percent(plain - of("plain").filter(outside).count(), plain),
        percent(of("plain").filter(outside).count(), plain),
    );
    let summary = &seen.summary;
    let _ = writeln!(
        out,
        "  {} requests with health data: {} left the cluster (the external API looked for them in every byte)",
        summary.bound_requests, summary.bound_requests_that_left
    );
    let _ = writeln!(
        out,
        "  {} long prompts: {} went out",
        of("long").count(),
        of("long").filter(outside).count()
    );
    let _ = writeln!(out, "  {} requests in all, {} failed", summary.requests, summary.failed);
    for error in seen.requests.iter().filter_map(|request| request.error.as_deref()).take(3) {
        let _ = writeln!(out, "    {error}");
    }
    let mut seconds: Vec<f64> = seen.requests.iter().map(|request| request.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    if let Some(median) = seconds.get(seconds.len() / 2) {
        let _ = writeln!(
            out,
            "  median {:.0} ms a request, engines and clients on the same two cores",
            median * 1000.0
        );
    }
    if let Some(answer) = seen.requests.iter().find_map(|request| request.text.as_deref()) {
        let _ = writeln!(out, "  one answer: {:?}", answer.chars().take(80).collect::<String>());
    }
    out
}

fn money(seen: &Observation) -> String {
    let outside = |r: &&Request| r.backend.as_deref() == Some("gpt-4o");
    let price = |usd: &str| NanoUsd::parse_usd(usd).unwrap_or_default();
    let side = |external: bool| {
        let requests = seen.requests.iter().filter(|r| r.ok && outside(r) == external);
        let tokens = requests.fold((0, 0), |sum, r| (sum.0 + r.prompt, sum.1 + r.completion));
        let cost = price(PRICES.0).cost_of(tokens.0).saturating_add(price(PRICES.1).cost_of(tokens.1));
        (tokens, cost)
    };
    let ((fleet_in, fleet_out), saved) = side(false);
    let ((out_in, out_out), _) = side(true);
    let spend = text(&seen.policy["status"]["spend"]);
    format!(
        "TOKENS AND MONEY\n  \
         fleet:    {fleet_in:>6} prompt + {fleet_out:>5} completion tokens, no price a token; outside they would have cost {saved} USD\n  \
         external: {out_in:>6} prompt + {out_out:>5} completion tokens, {spend} USD (status.spend of the policy)\n",
    )
}

fn memory(seen: &Observation) -> String {
    let mut out = String::from("MEMORY (working set, as the kubelets report it)\n");
    for (name, bytes) in &seen.memory {
        let _ = writeln!(out, "  {name:<56} {:>5.1} MiB", *bytes as f64 / 1_048_576.0);
    }
    out
}

/// What a person may do next.
pub(super) fn further(cluster: &Cluster) -> String {
    let kubeconfig = cluster.kubeconfig();
    format!(
        "LOOK FURTHER\n  \
         export KUBECONFIG={kubeconfig}\n  \
         kubectl get mdep,rpol -n {NAMESPACE}\n  \
         kubectl describe mdep qwen25-14b-f16 -n {NAMESPACE}\n  \
         kubectl port-forward -n {NAMESPACE} deploy/assistant-gateway 8089:8089 &\n  \
         curl -i http://127.0.0.1:8089/v1/chat/completions -H 'content-type: application/json' -H 'x-flotilla-explain: 1' -d '{{\"model\":\"assistant\",\"max_tokens\":20,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n  \
         make bed-down\n",
    )
}
