//! What must stay in the cluster stays there, whatever breaks.

use crate::rig::{Rig, ask, engine, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Script};

const MARKER: &str = "PATIENT-8152";

#[tokio::test]
async fn bound_requests_stay_on_every_leg() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: long, match: {{promptTokens: {{moreThan: 50}}}}, route: {{backends: [{{name: api}}]}}}}\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}], fallback: [api]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: fleet, weight: 1}}, {{name: api, weight: 99}}], fallback: [api]}}",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    let markers = || Script { markers: vec![MARKER.to_owned()], ..Script::default() };
    api.script(markers());
    let long = format!("{MARKER} {}", "and so on ".repeat(50));
    let faults = [
        Fault::None,
        Fault::Status(500),
        Fault::Reset,
        Fault::Status(429),
        Fault::ErrorEvent,
        Fault::CutAfter(2),
    ];
    let mut sent = 0;
    for class in ["PHI", "phi", "something-new", "Public, pHi"] {
        for text in [MARKER, &long] {
            for (fault, stream) in faults.iter().flat_map(|f| [(*f, true), (*f, false)]) {
                pod.script(Script { faults: [fault].into(), ..markers() });
                let response = rig.open(&[("x-data-class", class)], ask(text, stream)).await;
                assert_ne!(
                    response.headers().get("x-flotilla-backend").map(http::HeaderValue::as_bytes),
                    Some(&b"api"[..])
                );
                drop(http_body_util::BodyExt::collect(response.into_body()).await);
                sent += 1;
            }
        }
    }
    // A request that is lost on a reused connection is sent again, to the pod.
    let seen = pod.seen().requests;
    assert!((sent..=2 * sent).contains(&seen), "the pod saw {seen} of {sent} requests");
    assert_eq!(api.seen().requests, 0, "something left the cluster");
    // The same text without a class may leave, so the rig does see what leaves.
    pod.script(markers());
    assert_eq!(rig.chat(ask(&long, false)).await.backend(), "api");
    assert_eq!(api.seen().markers[MARKER], 1);
}

#[tokio::test]
async fn a_second_leg_of_a_bound_request_stays_as_well() {
    use crate::hedging::LEARNED;
    let (pod, spare, api) = (engine().await, engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}], fallback: [api, spare], hedge: true}}, boundary: InCluster}}\ndefault: {{backends: [{{name: fleet}}], fallback: [api, spare], hedge: true}}",
        fleet("fleet", &[pod.address]),
        fleet("spare", &[spare.address]),
        external("api", &api)
    ))
    .await;
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "fleet");
    }
    // The same slow pod, with the class and without.
    for (class, backend) in [("PHI", "spare"), ("something-new", "spare"), ("", "api")] {
        pod.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
        let reply = rig.chat_with(&[("x-data-class", class)], ask("hi", true)).await;
        assert_eq!(reply.backend(), backend, "{class}");
        let hedges = |to: &str| format!(r#"hedges_total{{backend="{to}",policy="team/assistant"}}"#);
        assert!(rig.metrics().await.contains(&hedges(backend)), "{class}");
        assert_eq!(api.seen().requests, u64::from(backend == "api"), "{class}");
    }
}

#[tokio::test]
async fn without_a_target_in_the_cluster_the_answer_is_an_error_that_says_why() {
    let api = provider().await;
    let only_api = format!(
        "backends:\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: BACKEND}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: api}}]}}",
        external("api", &api),
        fleet("asleep", &[])
    );
    let phi = [("x-data-class", "PHI"), ("x-flotilla-explain", "1")];
    let rig = Rig::start(&only_api.replace("BACKEND", "api")).await;
    let reply = rig.chat_with(&phi, ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (403, "data_boundary"));
    assert!(reply.header("x-flotilla-decision").contains("phi stays in the cluster"));

    rig.apply(&only_api.replace("BACKEND", "asleep"));
    let reply = rig.chat_with(&phi, ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "no_backend_ready"));
    assert_eq!(reply.header("retry-after"), "2");
    assert_eq!(api.seen().requests, 0);
}

#[tokio::test]
async fn what_the_application_says_to_the_router_is_not_passed_on() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: out, match: {{dataClasses: [public]}}, route: {{backends: [{{name: api}}]}}}}\ndefault: {{backends: [{{name: fleet}}]}}",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    let headers = [
        ("authorization", "Bearer the-clients-own"),
        ("cookie", "session=1"),
        ("x-data-class", "public"),
        ("x-flotilla-explain", "1"),
        ("x-internal-user", "jane"),
        ("openai-organization", "org-1"),
        ("connection", "keep-alive"),
        ("traceparent", "00-1-2-3"),
        ("user-agent", "app/1"),
    ];
    assert_eq!(rig.chat_with(&headers, ask("hi", false)).await.backend(), "api");
    let mut names: Vec<_> = api.last().headers.keys().map(ToString::to_string).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-length", "content-type", "host", "user-agent"]);
    assert_eq!(api.last().headers["authorization"], format!("Bearer {}", crate::rig::KEY));

    let inside: Vec<_> = headers.into_iter().filter(|(name, _)| *name != "x-data-class").collect();
    assert_eq!(rig.chat_with(&inside, ask("hi", false)).await.backend(), "fleet");
    let received = pod.last().headers;
    assert!(!received.contains_key("authorization") && !received.contains_key("cookie"));
    assert_eq!(received["traceparent"], "00-1-2-3");
}

/// The same without a header: what is in the text decides, however it is written, and every byte that leaves is seen.
#[tokio::test]
async fn what_is_found_in_a_request_stays_on_every_leg() {
    let (pod, second, api) = (engine().await, engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}], fallback: [api, second], hedge: true, continuation: true}}, boundary: InCluster}}\ndefault: {{backends: [{{name: fleet, weight: 0}}, {{name: api}}], fallback: [api], hedge: true, continuation: true}}\nsensitivity: {{detectors: [SSN, MRN, CreditCard], patterns: [{{name: study, pattern: 'TRIAL-\\d+'}}], onDetect: PHI}}\nejection: {{consecutiveFailures: 0, failurePercent: 0}}",
        fleet("fleet", &[pod.address]),
        fleet("second", &[second.address]),
        external("api", &api)
    ))
    .await;
    let markers: Vec<_> = ["6789", "0099887", "1111", "TRIAL"].iter().map(ToString::to_string).collect();
    let script = |fault| Script { faults: [fault].into(), markers: markers.clone(), ..Script::default() };
    api.script(script(Fault::None));
    let faults = [
        Fault::None,
        Fault::Status(503),
        Fault::Reset,
        Fault::ErrorEvent,
        Fault::CutAfter(2),
        Fault::Overflow,
    ];
    let contents = [
        r#""patient 123-45-6789""#,
        r#""\u0031\u0032\u0033-45-6789""#,
        r#"[{"type":"text","text":"123-45"},{"type":"text","text":"-6789"}]"#,
        r#""MRN: 0099887""#,
        r#""4111 1111 1111 1111""#,
        r#""enrolled in TRIAL-7""#,
    ];
    for content in contents {
        for (fault, stream) in faults.iter().flat_map(|f| [(*f, true), (*f, false)]) {
            pod.script(script(fault));
            let body = format!(
                r#"{{"model":"assistant","stream":{stream},"messages":[{{"role":"user","content":{content}}}]}}"#
            );
            drop(http_body_util::BodyExt::collect(rig.open(&[], body).await.into_body()).await);
        }
    }
    assert_eq!(api.seen().requests, 0, "something left the cluster");
    assert!(second.seen().requests > 0, "the fallback in the cluster was never used");
    let asked = [("x-flotilla-explain", "1")];
    pod.script(script(Fault::None));
    let reply = rig.chat_with(&asked, ask("patient 123-45-6789", false)).await;
    assert!(reply.header("x-flotilla-decision").contains("SSN found: data class phi"));
    assert!(!reply.header("x-flotilla-decision").contains("6789"));
    // A text without any of it may leave, so the rig does see what leaves.
    assert_eq!(rig.chat(ask("patient 123-45-678", false)).await.backend(), "api");
}

#[tokio::test]
async fn a_session_stays_once_something_was_found_in_it() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: api}}]}}\nsensitivity: {{detectors: [SSN], onDetect: PHI}}",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    let to = async |session: &str, text: &str| {
        let headers = [("x-session-id", session), ("x-flotilla-explain", "1")];
        rig.chat_with(&headers, ask(text, false)).await
    };
    assert_eq!(to("a", "hi").await.backend(), "api");
    assert_eq!(to("a", "123-45-6789").await.backend(), "fleet");
    let again = to("a", "and what follows from that?").await;
    assert_eq!(again.backend(), "fleet");
    assert!(again.header("x-flotilla-decision").contains("phi came up in the session before"));
    assert_eq!(to("b", "hi").await.backend(), "api");
    assert_eq!(rig.chat(ask("hi", false)).await.backend(), "api");
}
