//! What a collector is told of requests, and what targets are.

use crate::collector::{Collector, Taken};
use crate::hedging::LEARNED;
use crate::process::Process;
use crate::rig::{KEY, Rig, ask, engine, eventually, external, fleet, nobody, provider};
use flotilla_e2e::provider::{Fault, Script};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::fmt::Write as _;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Asserts that a span says just this; a string that ends in `*` is a beginning.
fn says(taken: &Taken, name: &str, expected: &Value) {
    assert_eq!(taken.span.name, name);
    let expected = expected.as_object().unwrap();
    for (key, value) in expected {
        let said = taken.attributes.get(key).unwrap_or_else(|| panic!("{key} is not in {taken:#?}"));
        match value.as_str().and_then(|text| text.strip_suffix('*')) {
            Some(begin) => assert!(said.as_str().unwrap().starts_with(begin), "{key}: {said}"),
            None => assert_eq!(said, value, "{key}"),
        }
    }
    for key in taken.attributes.keys() {
        let timing = key == "gen_ai.response.time_to_first_chunk";
        assert!(timing || expected.contains_key(key), "{key} is in {taken:#?}");
    }
}

#[tokio::test]
async fn a_request_is_a_span_and_its_attempt_one_below_it() {
    let (collector, pod) = (Collector::start().await, engine().await);
    let policy = format!(
        "backends:\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: pods}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: pods}}]}}",
        fleet("pods", &[pod.address])
    );
    let rig = Rig::traced(&policy, &collector.url()).await;
    for stream in [true, false] {
        let headers = [("x-data-class", "phi"), ("traceparent", &parent("01")), ("tracestate", "a=1")];
        let reply = rig.chat_with(&headers, ask("two words", stream)).await;
        assert_eq!(reply.status, StatusCode::OK);
        let (own, legs) = collector.requests(1).await.remove(0);
        collector.forget();
        let [leg] = &legs[..] else { panic!("{legs:?}") };
        let passed_on = pod.last().headers;
        assert_eq!(passed_on["traceparent"], format!("00-{TRACE}-{}-01", hex(&leg.span.span_id)));
        assert_eq!(passed_on["tracestate"], "a=1");
        assert_eq!(
            (hex(&own.span.trace_id).as_str(), hex(&own.span.parent_span_id).as_str()),
            (TRACE, PARENT)
        );
        assert_eq!((&leg.span.trace_id, &leg.span.parent_span_id), (&own.span.trace_id, &own.span.span_id));
        let within = own.span.start_time_unix_nano <= leg.span.start_time_unix_nano
            && leg.span.start_time_unix_nano < leg.span.end_time_unix_nano
            && leg.span.end_time_unix_nano <= own.span.end_time_unix_nano;
        assert!(within, "{own:?} {leg:?}");
        let common = json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "flotilla",
            "gen_ai.response.id": "chatcmpl-stand-in",
            "gen_ai.response.model": "m",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 2,
            "gen_ai.usage.cache_read.input_tokens": 0,
            "gen_ai.usage.output_tokens": 5,
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "flotilla.backend": "pods",
            "flotilla.cost_nano_usd": 0,
            "flotilla.outcome": "complete",
        });
        let with = |more: Value| {
            let mut all = common.as_object().unwrap().clone();
            all.extend(more.as_object().unwrap().clone());
            Value::from(all)
        };
        says(
            &own,
            "POST /v1/chat/completions",
            &with(json!({
                "gen_ai.request.model": "assistant",
                "gen_ai.request.stream": stream,
                "http.route": "/v1/chat/completions",
                "flotilla.policy": "team/assistant",
                "flotilla.rule": "phi",
                "flotilla.data_classes": ["phi"],
                "flotilla.reasons": "data class phi stays in the cluster; rule phi matched*",
            })),
        );
        says(
            leg,
            "chat m",
            &with(json!({
                "gen_ai.request.model": "m",
                "server.address": "127.0.0.1",
                "server.port": pod.address.port(),
                "flotilla.leg": "first",
                "flotilla.side": "InCluster",
            })),
        );
        let first = leg.attributes.get("gen_ai.response.time_to_first_chunk");
        assert_eq!(first.is_some_and(|seconds| seconds.as_f64().unwrap() > 0.0), stream);
        assert_eq!(own.resource["service.name"], "flotilla-router");
        assert_eq!((own.span.status.clone().unwrap().code, leg.span.status.clone().unwrap().code), (0, 0));
    }
}

#[tokio::test]
async fn each_attempt_has_its_span_and_nobody_outside_hears_of_the_trace() {
    let (collector, one, two) = (Collector::start().await, provider().await, provider().await);
    one.script(Script { faults: [Fault::Status(503)].into(), ..Script::default() });
    let policy = format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: gone}}], fallback: [one, two]}}",
        fleet("gone", &[nobody()]),
        external("one", &one),
        external("two", &two)
    );
    let rig = Rig::traced(&policy, &collector.url()).await;
    let headers =
        [("traceparent", &*parent("01")), ("tracestate", "a=1"), ("authorization", "Bearer own-key")];
    assert_eq!(rig.chat_with(&headers, ask("a-secret-prompt", true)).await.backend(), "two");
    let (own, legs) = collector.requests(1).await.remove(0);
    let of = |key: &str| legs.iter().map(|leg| leg.attributes.get(key).cloned()).collect::<Vec<_>>();
    assert_eq!(of("flotilla.backend"), [Some("gone".into()), Some("one".into()), Some("two".into())]);
    assert_eq!(of("error.type"), [Some("connect".into()), Some("status".into()), None]);
    assert_eq!(of("http.response.status_code"), [None, Some(503.into()), Some(200.into())]);
    assert_eq!(of("flotilla.leg"), [Some("first".into()), Some("retry".into()), Some("retry".into())]);
    assert_eq!(of("gen_ai.provider.name")[2], Some("openai_compatible".into()));
    assert_eq!(of("flotilla.cost_nano_usd")[2], own.attributes.get("flotilla.cost_nano_usd").cloned());
    let codes: Vec<_> = legs.iter().map(|leg| leg.span.status.clone().unwrap().code).collect();
    assert_eq!((codes, own.span.status.clone().unwrap().code), (vec![2, 2, 0], 0));
    for seen in [one.last().headers, two.last().headers] {
        assert!(!seen.contains_key("traceparent") && !seen.contains_key("tracestate"), "{seen:?}");
    }
    let everything = format!("{own:?}{legs:?}");
    for secret in [KEY, "own-key", "a-secret-prompt", "Hello"] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_ends_its_spans() {
    let (collector, pod) = (Collector::start().await, engine().await);
    pod.script(Script { faults: [Fault::StallAfter(3)].into(), ..Script::default() });
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod.address]));
    let rig = Rig::traced(&policy, &collector.url()).await;
    let mut answer = rig.open(&[], ask("hi", true)).await.into_body();
    answer.frame().await.unwrap().unwrap();
    drop(answer);
    let (own, legs) = collector.requests(1).await.remove(0);
    for taken in [&own, &legs[0]] {
        assert_eq!(taken.attributes["flotilla.outcome"], "client_gone");
        assert_eq!(taken.span.status.clone().unwrap().code, 0);
    }
    assert_eq!(own.span.parent_span_id, b"");
}

#[tokio::test]
async fn a_stream_that_goes_on_elsewhere_has_a_span_for_each_part() {
    let (collector, one, two) = (Collector::start().await, engine().await, engine().await);
    one.script(Script { faults: [Fault::CutAfter(3)].into(), gap_ms: 20, ..Script::default() });
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: one}}], fallback: [two], continuation: true}}",
        fleet("one", &[one.address]),
        fleet("two", &[two.address])
    );
    let rig = Rig::traced(&policy, &collector.url()).await;
    rig.chat(ask("hi", true)).await;
    let (own, legs) = collector.requests(1).await.remove(0);
    let [cut, rest] = &legs[..] else { panic!("{legs:?}") };
    assert_eq!(
        (&cut.attributes["error.type"], &cut.attributes["flotilla.leg"]),
        (&json!("cut"), &json!("first"))
    );
    assert_eq!(rest.attributes["flotilla.leg"], "continuation");
    assert_eq!(two.last().headers["traceparent"].to_str().unwrap()[36..52], *hex(&rest.span.span_id));
    assert_eq!(own.attributes["flotilla.outcome"], "complete");
    let sum = |key: &str| legs.iter().map(|leg| leg.attributes[key].as_u64().unwrap()).sum::<u64>();
    for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
        assert_eq!(own.attributes[key].as_u64().unwrap(), sum(key), "{key}");
    }
}

#[tokio::test]
async fn both_legs_of_a_slow_request_have_spans_and_the_slower_one_says_that_it_was_called_off() {
    let (collector, slow, fast) = (Collector::start().await, engine().await, engine().await);
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: slow}}], fallback: [fast], hedge: true}}",
        fleet("slow", &[slow.address]),
        fleet("fast", &[fast.address])
    );
    let rig = Rig::traced(&policy, &collector.url()).await;
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "slow");
    }
    collector.requests(LEARNED).await;
    collector.forget();
    slow.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "fast");
    let (own, mut legs) = collector.requests(1).await.remove(0);
    legs.sort_by_key(|leg| leg.span.start_time_unix_nano);
    let [first, second] = &legs[..] else { panic!("{legs:?}") };
    let said = |leg: &Taken| {
        let text = |key: &str| leg.attributes.get(key).and_then(Value::as_str).map(str::to_owned);
        [text("flotilla.backend"), text("flotilla.leg"), text("flotilla.outcome")]
    };
    let expected =
        |backend: &str, leg: &str, outcome: &str| [backend, leg, outcome].map(|text| Some(text.to_owned()));
    assert_eq!(said(first), expected("slow", "first", "outrun"));
    assert_eq!(said(second), expected("fast", "hedge", "complete"));
    let overlap = second.span.start_time_unix_nano < first.span.end_time_unix_nano;
    assert!(overlap && first.span.end_time_unix_nano <= own.span.end_time_unix_nano, "{legs:?}");
    for (leg, engine) in [(first, &slow), (second, &fast)] {
        assert_eq!(leg.span.parent_span_id, own.span.span_id);
        assert_eq!(leg.span.status.clone().unwrap().code, 0, "neither failed");
        assert_eq!(engine.last().headers["traceparent"].to_str().unwrap()[36..52], *hex(&leg.span.span_id));
    }
    assert_eq!(
        (&own.attributes["flotilla.backend"], &own.attributes["flotilla.outcome"]),
        (&json!("fast"), &json!("complete"))
    );
}

#[tokio::test]
async fn requests_that_never_reach_a_policy_have_spans_that_say_why() {
    let collector = Collector::start().await;
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[nobody()]));
    let rig = Rig::traced(&policy, &collector.url()).await;
    for (body, code, status, failed) in [
        (r#"{"model":"unknown","messages":[]}"#.to_owned(), "model_not_found", 404, 0),
        ("{".to_owned(), "invalid_json", 400, 0),
        (ask("hi", false), "upstream_unreachable", 502, 2),
    ] {
        assert_eq!(rig.chat(body).await.status.as_u16(), status);
        let (own, _) = collector.requests(1).await.remove(0);
        collector.forget();
        assert_eq!(
            (&own.attributes["error.type"], &own.attributes["http.response.status_code"]),
            (&json!(code), &json!(status))
        );
        assert_eq!(own.span.status.unwrap().code, failed, "{code}");
    }
}

#[tokio::test]
async fn what_the_client_does_not_sample_has_no_spans_here_and_none_behind_us() {
    let (collector, pod) = (Collector::start().await, engine().await);
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod.address]));
    let rig = Rig::traced(&policy, &collector.url()).await;
    rig.chat_with(&[("traceparent", &parent("00"))], ask("hi", true)).await;
    let passed_on = pod.last().headers["traceparent"].to_str().unwrap().to_owned();
    assert!(passed_on.starts_with(&format!("00-{TRACE}-")) && passed_on.ends_with("-00"), "{passed_on}");
    // One that cannot be read is none: what belongs to it is not passed on.
    rig.chat_with(&[("traceparent", "nonsense"), ("tracestate", "a=1")], ask("hi", true)).await;
    let headers = pod.last().headers;
    let (own, _) = collector.requests(1).await.remove(0);
    assert_eq!(headers["traceparent"].to_str().unwrap()[3..35], *hex(&own.span.trace_id));
    assert!(!headers.contains_key("tracestate") && own.span.parent_span_id.is_empty());
    assert_eq!(collector.requests(1).await.len(), 1);
    // Without spans, what the client says goes through.
    let rig = Rig::start(&policy).await;
    rig.chat_with(&[("traceparent", &parent("01")), ("tracestate", "a=1")], ask("hi", true)).await;
    assert_eq!(pod.last().headers["traceparent"], parent("01"));
}

#[tokio::test]
async fn requests_go_on_where_nobody_takes_spans_and_those_are_counted() {
    let (collector, pod) = (Collector::start().await, engine().await);
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod.address]));
    let lost = |metrics: String| {
        let line =
            metrics.lines().find(|line| line.contains(r#"spans_dropped_total{cause="not_taken"}"#)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    collector.refuse(true);
    let rig = Rig::traced(&policy, &collector.url()).await;
    assert_eq!(rig.chat(ask("hi", true)).await.status, StatusCode::OK);
    eventually("they are refused", || collector.refused() == 1).await;
    collector.refuse(false);
    assert_eq!(rig.chat(ask("hi", true)).await.status, StatusCode::OK);
    assert_eq!(collector.requests(1).await.len(), 1);
    let metrics = rig.metrics().await;
    assert!(metrics.contains("spans_exported_total 2"), "{metrics}");
    assert_eq!(lost(metrics), 2);
}

#[tokio::test]
async fn at_the_end_nothing_is_lost_and_a_collector_that_is_away_delays_nobody() {
    let (collector, pod) = (Collector::start().await, engine().await);
    let policy =
        format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod.address]));
    let mut router = Process::launch(&policy, &["--otlp-endpoint", &collector.url()]).await;
    for _ in 0..20 {
        router.post(ask("hi", true)).await.into_body().collect().await.unwrap();
    }
    router.terminate();
    router.end().await;
    assert_eq!((collector.requests(20).await.len(), collector.spans().len()), (20, 40));

    let away = format!("http://{}", nobody());
    let mut router = Process::launch(&policy, &["--otlp-endpoint", &away]).await;
    router.post(ask("hi", true)).await.into_body().collect().await.unwrap();
    router.terminate();
    router.end().await;
}
