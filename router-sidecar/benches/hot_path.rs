//! What one request costs before it is sent: the peek into its body and the plan. `make bench-parts` prints time and
//! allocations; compare runs on the same machine only.

#![allow(clippy::expect_used, reason = "a bench that cannot set up has nothing to measure")]

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount};
use flotilla_crds::router_config::{Detector, Pattern, RouterConfig};
use flotilla_router::account::Metrics;
use flotilla_router::classify::Classifier;
use flotilla_router::request::peek;
use flotilla_router::route::{Draws, Facts, Standing, plan};
use flotilla_router::snapshot::{Policy, Store};
use flotilla_router::sse::EventRelay;
use std::collections::VecDeque;
use std::sync::Arc;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn body(prompt_bytes: usize) -> String {
    let prompt = "lorem ipsum ".repeat(prompt_bytes / 12);
    format!(
        r#"{{"model":"assistant","temperature":0.2,"messages":[{{"role":"user","content":"{prompt}"}}],"stream":true}}"#
    )
}

#[divan::bench(args = [300, 16_384, 200_000])]
fn peek_into_a_body(bencher: Bencher<'_, '_>, prompt_bytes: usize) {
    let body = body(prompt_bytes);
    bencher.counter(BytesCount::of_str(&body)).bench(|| peek(black_box(body.as_bytes())).map(drop).is_ok());
}

/// Prose with a number in every sentence, as letters of doctors and lawyers have.
fn prose(bytes: usize) -> String {
    let sentence =
        "The patient was seen on 12 March at 14:30 and reports no pain since the last visit, 3 weeks ago. ";
    format!(
        r#"{{"model":"assistant","messages":[{{"role":"user","content":"{}"}}]}}"#,
        sentence.repeat(bytes / sentence.len())
    )
}

/// Nothing but numbers.
fn table(bytes: usize) -> String {
    let row = "1027,4931.50,2024-03-12,88210,7.25\\n";
    format!(
        r#"{{"model":"assistant","messages":[{{"role":"user","content":"{}"}}]}}"#,
        row.repeat(bytes / row.len())
    )
}

fn look(bencher: Bencher<'_, '_>, body: &str) {
    let pattern = Pattern { name: "staff".to_owned(), pattern: r"EMP-\d{6}".to_owned(), data_class: None };
    let classifier = Classifier::new(&Detector::ALL, &[pattern], "phi")
        .expect("it is well formed")
        .expect("it is not empty");
    bencher.counter(BytesCount::of_str(body)).bench(|| classifier.classify(black_box(body.as_bytes())));
}

#[divan::bench(args = [1024, 16_384, 200_000, 4_000_000])]
fn detect_in_prose(bencher: Bencher<'_, '_>, bytes: usize) {
    look(bencher, &prose(bytes));
}

#[divan::bench(args = [4_000_000])]
fn detect_in_a_table_of_numbers(bencher: Bencher<'_, '_>, bytes: usize) {
    look(bencher, &table(bytes));
}

/// A policy with so many endpoints, three rules and two backends.
fn policy(endpoints: usize) -> Arc<Policy> {
    let endpoints: Vec<_> = (0..endpoints)
        .map(|i| serde_json::json!({"address": format!("10.{}.{}.1:8080", i / 250, i % 250)}))
        .collect();
    let config: RouterConfig = serde_json::from_value(serde_json::json!({
        "version": "flotilla.dev/router/v1alpha1",
        "policies": [{
            "name": "bench", "models": ["assistant"],
            "backends": [
                {"name": "fleet", "fleet": {"model": "m", "endpoints": endpoints}},
                {"name": "out", "external": {"baseUrl": "https://api.example/v1", "model": "m"}},
            ],
            "rules": [
                {"name": "phi", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]}, "boundary": "InCluster"},
                {"name": "long", "match": {"promptTokens": {"moreThan": 6000}}, "route": {"backends": [{"name": "out"}]}},
            ],
            "default": {"backends": [{"name": "fleet", "weight": 95}, {"name": "out", "weight": 5}], "fallback": ["out"]},
        }]
    }))
    .expect("the config is well formed");
    let store = Store::new(Arc::new(Metrics::new().expect("metrics have distinct names")));
    store.apply(&config).expect("the config is valid");
    let snapshot = store.current().expect("it was just applied");
    Arc::clone(&snapshot.served("assistant").expect("the model is in it").policy)
}

#[divan::bench(args = [1, 1000])]
fn plan_a_request(bencher: Bencher<'_, '_>, endpoints: usize) {
    let (policy, draws) = (policy(endpoints), Draws::starting_at(1));
    let facts = Facts { prompt_tokens: 100, classes: &[], adapter: None, session: None, unpaid: &[] };
    bencher.bench(|| {
        plan(black_box(&policy), black_box(&facts), draws.next(), |_| Standing::Good).map(drop).is_ok()
    });
}

#[divan::bench]
fn relay_twenty_events(bencher: Bencher<'_, '_>) {
    let event = Bytes::from_static(
        b"data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n",
    );
    bencher.counter(BytesCount::new(event.len() * 20)).bench(|| {
        let (mut relay, mut out) = (EventRelay::new(true), VecDeque::new());
        for _ in 0..20 {
            relay.push(black_box(&event), &mut out);
        }
        relay.finish(&mut out);
        out
    });
}
