//! What decision records say was used is what the providers bill, to the token, whatever happens to requests.

use crate::hedging::LEARNED;
use crate::process::Process;
use crate::raw::{Raw, whole};
use crate::rig::{Reply, Rig, anthropic, ask, engine, external, fleet, get, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use flotilla_router::serve::Limits;
use http_body_util::BodyExt;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Eight words, and eight tokens by the router's estimate: what the providers bill, and what the router counts where
/// nobody told it.
const PROMPT: &str = "a a a a a a a a";
/// When a client has waited enough.
const PATIENCE: Duration = Duration::from_secs(1);
/// For faults to be what they are, without rests and limits.
const RULES: &str = "ejection: {consecutiveFailures: 0, failurePercent: 0}\nretries: {minPerSecond: 1000}";

/// Prompt, cached and completion tokens, and nano-dollars.
type Sums = [u64; 4];

/// What providers bill: 2.50 USD a million tokens of prompts, 1.25 for cached ones, 10 for answers.
fn billed(providers: &[&Provider], free: &[&Provider]) -> Sums {
    let mut sums = [0; 4];
    for (providers, price) in [(providers, 1), (free, 0)] {
        for seen in providers.iter().map(|provider| provider.seen()) {
            let cost = (seen.prompt_tokens - seen.cached_tokens) * 2500
                + seen.cached_tokens * 1250
                + seen.completion_tokens * 10_000;
            let more = [seen.prompt_tokens, seen.cached_tokens, seen.completion_tokens, cost * price];
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
    sums
}

/// Adds what a record says.
fn add(sums: &mut Sums, record: &Value) {
    assert_eq!(record["promptEstimate"], 8, "{record}");
    let fields = ["promptTokens", "cachedTokens", "completionTokens", "costNanoUsd"];
    sums.iter_mut().zip(fields).for_each(|(sum, field)| *sum += record[field].as_u64().unwrap());
}

/// Asks, and reads until the end, or until nothing comes for a while.
async fn ask_and_read(router: &Process, stream: bool) {
    let mut body = router.post(ask(PROMPT, stream)).await.into_body();
    while let Ok(Some(Ok(_))) = tokio::time::timeout(PATIENCE, body.frame()).await {}
}

fn paid(backend: &str) -> String {
    backend.replacen("output: '10'", "output: '10', cachedInput: '1.25'", 1)
}

#[tokio::test]
async fn cached_tokens_are_paid_at_their_own_price_whatever_the_api_calls_them() {
    for stream in [false, true] {
        for dialect in [external, anthropic] {
            let api = provider().await;
            api.script(Script { cached_tokens: 3, ..Script::default() });
            let backend = paid(&dialect("api", &api));
            let mut router = Process::launch(
                &format!("backends:\n{backend}\ndefault: {{backends: [{{name: api}}]}}"),
                &[],
            )
            .await;
            ask_and_read(&router, stream).await;
            let mut sums = Sums::default();
            add(&mut sums, &router.line_with("request").await);
            assert_eq!(sums, [8, 3, 5, 5 * 2500 + 3 * 1250 + 5 * 10_000]);
            assert_eq!(sums, billed(&[&api], &[]));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_records_say_what_is_billed() {
    let faults = [
        Fault::None,
        Fault::Status(500),
        Fault::Reset,
        Fault::ErrorEvent,
        Fault::CutAfter(3),
        Fault::ErrorAfter(3),
        // The client leaves after a while.
        Fault::StallAfter(3),
        // The router goes on to the next target after a while.
        Fault::StallAfter(0),
    ];
    let mut dice = SmallRng::seed_from_u64(7);
    let (one, two, pod) = (provider().await, provider().await, engine().await);
    for api in [&one, &two] {
        let drawn = (0..60).map(|_| faults[dice.random_range(0..faults.len())]);
        api.script(Script { faults: drawn.collect(), gap_ms: 10, ..Script::default() });
    }
    let policy = format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: one}}, {{name: two}}], fallback: [one, two, pod]}}\ntimeouts: {{firstTokenMs: 1500}}\n{RULES}",
        paid(&external("one", &one)),
        paid(&anthropic("two", &two)),
        fleet("pod", &[pod.address])
    );
    let mut router = Process::launch(&policy, &[]).await;
    let mut sums = Sums::default();
    for _ in 0..10 {
        futures::future::join_all((0..8).map(|_| ask_and_read(&router, true))).await;
        for _ in 0..8 {
            add(&mut sums, &router.line_with("request").await);
        }
    }
    assert_eq!(sums, billed(&[&one, &two], &[&pod]));
    let metrics = String::from_utf8(get(router.admin, "/metrics").await.body.to_vec()).unwrap();
    let counted = |name: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with(&format!("flotilla_router_{name}{{")));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    let names =
        ["prompt_tokens_total", "cached_tokens_total", "completion_tokens_total", "cost_nano_usd_total"];
    assert_eq!(names.map(counted), sums);
}

#[tokio::test]
async fn both_legs_of_a_request_and_both_parts_of_a_stream_are_in_its_record() {
    let (slow, fast) = (provider().await, provider().await);
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: slow}}], fallback: [fast], hedge: true}}\n{RULES}",
        external("slow", &slow),
        external("fast", &fast)
    );
    let mut router = Process::launch(&policy, &[]).await;
    let mut sums = Sums::default();
    // No more than it takes until the router knows how long the first takes: from then on one of twenty gets a second
    // leg, which may be called off before its provider has read it.
    for _ in 0..LEARNED {
        ask_and_read(&router, true).await;
        add(&mut sums, &router.line_with("request").await);
    }
    slow.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    ask_and_read(&router, true).await;
    let record = router.line_with("request").await;
    assert!(record["reasons"].as_str().unwrap().contains("a second leg to fast"), "{record}");
    add(&mut sums, &record);
    assert_eq!(sums, billed(&[&slow, &fast], &[]));

    let (broken, whole) = (engine().await, engine().await);
    broken.script(Script { faults: [Fault::CutAfter(3)].into(), gap_ms: 10, ..Script::default() });
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: broken}}], fallback: [whole], continuation: true}}\n{RULES}",
        fleet("broken", &[broken.address]),
        fleet("whole", &[whole.address])
    );
    let mut router = Process::launch(&policy, &[]).await;
    ask_and_read(&router, true).await;
    let record = router.line_with("request").await;
    assert!(record["reasons"].as_str().unwrap().contains("whole went on"), "{record}");
    let mut sums = Sums::default();
    add(&mut sums, &record);
    assert_eq!(sums, billed(&[], &[&broken, &whole]));
    assert_eq!((broken.seen().completion_tokens, whole.seen().requests), (2, 1));
}

#[tokio::test]
async fn an_answer_of_known_length_that_comes_in_pieces_is_read_to_its_end() {
    let end = r#"","x":1}],"usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16}}"#;
    let pod =
        Raw::start(whole("200 OK", &format!(r#"{{"choices":[{{"text":"{}{end}"#, "x".repeat(1 << 20)))).await;
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: pod}}]}}",
        fleet("pod", &[pod.address])
    ))
    .await;
    assert_eq!(rig.chat(ask("hi", false)).await.status, 200);
    let seen = rig.usage("pod");
    assert_eq!((seen.failed, seen.prompt_tokens, seen.completion_tokens), (0, 7, 9));
}

#[tokio::test]
async fn an_answer_without_usage_is_counted_by_its_length_kept_or_not() {
    let answer = |length: usize, end: &str| {
        format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]{end}}}"#, "x".repeat(length))
    };
    let usage = r#","usage":{"prompt_tokens":7,"completion_tokens":9,"total_tokens":16}"#;
    let buffered = Limits::default().buffered;
    for (buffered, length) in [(buffered, 40), (buffered, 9 << 20), (4000, 40_000)] {
        let zeros = r#","usage":{"prompt_tokens":0,"completion_tokens":0}"#;
        let about = |end| [5, answer(length, end).len() as u64 / 4];
        for (end, counted) in [(usage, [7, 9]), ("", about("")), (zeros, about(zeros))] {
            let pod = Raw::start(whole("200 OK", &answer(length, end))).await;
            let rig = Rig::bare(Limits { buffered, ..Limits::default() }).await;
            rig.apply(&format!(
                "backends:\n{}\ndefault: {{backends: [{{name: pod}}]}}",
                fleet("pod", &[pod.address])
            ));
            let reply = rig.chat(ask("hi", false)).await;
            assert_eq!((reply.status.as_u16(), reply.body.len()), (200, answer(length, end).len()));
            let seen = rig.usage("pod");
            assert_eq!([seen.prompt_tokens, seen.completion_tokens], counted, "{length} bytes");
        }
    }
    // Numbers are no text.
    let numbers = format!(r#"{{"usage":{{"prompt_tokens":7}},"data":[{}1]}}"#, "0.25,".repeat(8000));
    let pod = Raw::start(whole("200 OK", &numbers)).await;
    let rig = Rig::bare(Limits { buffered: 4000, ..Limits::default() }).await;
    rig.apply(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: pod}}]}}",
        fleet("pod", &[pod.address])
    ));
    let body = r#"{"input":"hi there","model":"assistant"}"#;
    assert_eq!(Reply::of(rig.post("/v1/embeddings", &[], body).await).await.status, 200);
    let seen = rig.usage("pod");
    assert_eq!((seen.prompt_tokens, seen.completion_tokens), (2, 0));
}

#[tokio::test]
async fn the_time_of_each_further_token_is_that_of_streams_that_end() {
    let pod = engine().await;
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod.address]));
    let rig = Rig::start(&policy).await;
    let figure = |metrics: &str, name: &str| {
        let line = metrics.lines().find(|line| line.contains(&format!("{name}{{"))).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let seconds = |metrics: &str, name: &str| figure(metrics, name).parse::<f64>().unwrap();
    let count = |metrics: String| figure(&metrics, "time_per_output_token_seconds_count");
    assert_eq!(count(rig.metrics().await), "0");
    pod.script(Script { gap_ms: 20, ..Script::default() });
    let start = Instant::now();
    rig.chat(ask("hi", true)).await;
    let metrics = rig.metrics().await;
    // All that came after the first content, over the tokens that came in it: between what the whole took by the
    // router's clock and by ours.
    let further = (pod.seen().completion_tokens - 1) as f64;
    let pace = seconds(&metrics, "time_per_output_token_seconds_sum");
    let whole = seconds(&metrics, "first_byte_seconds_sum") + pace * further;
    let (least, most) = (seconds(&metrics, "request_duration_seconds_sum"), start.elapsed().as_secs_f64());
    assert!(further > 1.0 && least <= whole && whole <= most, "{least} <= {whole} <= {most}");
    assert_eq!(count(metrics), "1");
    // Answers in one piece and those that break off have no pace.
    rig.chat(ask("hi", false)).await;
    pod.script(Script { faults: [Fault::CutAfter(3)].into(), gap_ms: 20, ..Script::default() });
    rig.chat(ask("hi", true)).await;
    assert_eq!(count(rig.metrics().await), "1");
}
