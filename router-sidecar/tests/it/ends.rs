//! How streams end that do not end well: engines that report an error and go on to say that they are done, and engines
//! that say nothing and hang up.

use crate::raw::{Raw, chunked, says, until_close, whole};
use crate::rig::{Reply, Rig, ask, engine, eventually, fleet};
use flotilla_e2e::provider::{Provider, Script};
use flotilla_router::serve::Limits;

const ERROR: &str =
    "data: {\"error\":{\"message\":\"out of pages\",\"type\":\"InternalServerError\",\"code\":500}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

/// What is asked first gives this answer; a good engine is the fallback.
async fn pair(answer: String, more: &str) -> (Raw, Provider, Rig) {
    let (one, two) = (Raw::start(answer).await, engine().await);
    two.script(Script { reply: "a midnight dreary".to_owned(), ..Script::default() });
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: one}}], fallback: [two]{more}}}",
        fleet("one", &[one.address]),
        fleet("two", &[two.address])
    ))
    .await;
    (one, two, rig)
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.to_vec()).unwrap()
}

#[tokio::test]
async fn an_error_before_content_leads_elsewhere_whatever_is_said_after_it() {
    for chunks in [vec![format!("{ERROR}{DONE}")], vec![format!("{ROLE}{ERROR}"), DONE.to_owned()]] {
        let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
        let (one, _two, rig) = pair(chunked(&chunks), "").await;
        let reply = rig.chat(ask("hi", true)).await;
        assert_eq!((reply.backend(), one.asked()), ("two", 1), "{}", text(&reply));
        assert!(!text(&reply).contains("out of pages"));
        assert_eq!(rig.usage("one").failed, 1);
    }
}

/// An answer that comes whole, in these chunks.
fn in_chunks(chunks: &[&str]) -> String {
    chunked(chunks).replacen("text/event-stream", "application/json", 1)
}

#[tokio::test]
async fn an_error_in_the_place_of_an_answer_leads_elsewhere() {
    let error = ERROR.strip_prefix("data: ").unwrap().trim_end();
    let old = r#"{"object":"error","message":"out of pages","type":"InternalServerError","code":500}"#;
    let spaced = format!("\n{{\n  {}", error.strip_prefix('{').unwrap());
    for (answer, stream) in [
        (whole("200 OK", error), false),
        // Who asked for a stream may get it as well.
        (whole("200 OK", error), true),
        (whole("200 OK", old), false),
        (whole("200 OK", &spaced), false),
        (in_chunks(&[&error[..1], &error[1..4], &error[4..]]), false),
        (in_chunks(&["\n\n", &old[..12], &old[12..]]), false),
    ] {
        let (one, _two, rig) = pair(answer.clone(), "").await;
        let reply = rig.chat(ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.backend(), one.asked()), (200, "two", 1), "{answer}");
        assert!(!text(&reply).contains("out of pages"), "{answer}");
        let usage = rig.usage("one");
        assert_eq!((usage.requests, usage.failed, usage.prompt_tokens), (1, 1, 0), "{answer}");
        let counted = r#"attempts_failed_total{backend="one",cause="error_event",policy="team/assistant"} 1"#;
        assert!(rig.metrics().await.contains(counted), "{answer}");
    }
}

#[tokio::test]
async fn nothing_in_the_place_of_an_answer_leads_elsewhere() {
    for answer in [whole("200 OK", ""), whole("200 OK", " \r\n"), in_chunks(&["\n\n", "\n"]), in_chunks(&[])]
    {
        for stream in [false, true] {
            let (one, _two, rig) = pair(answer.clone(), "").await;
            let reply = rig.chat(ask("hi", stream)).await;
            let seen = (reply.status.as_u16(), reply.backend(), one.asked());
            assert_eq!(seen, (200, "two", 1), "{answer:?}, streamed {stream}");
            assert_eq!((rig.usage("one").requests, rig.usage("one").failed), (1, 1), "{answer:?}");
            let counted = r#"attempts_failed_total{backend="one",cause="broken",policy="team/assistant"} 1"#;
            assert!(rig.metrics().await.contains(counted), "{answer:?}");
        }
    }
    let (_one, _two, rig) = pair(whole("200 OK", ""), "").await;
    let reply =
        Reply::of(rig.post("/v1/embeddings", &[], r#"{"input":"hi","model":"assistant"}"#).await).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "two"));
    // Of a refusal the status says enough.
    let (_one, two, rig) = pair(whole("404 Not Found", ""), "").await;
    assert_eq!((rig.chat(ask("hi", false)).await.status.as_u16(), two.seen().requests), (404, 0));
}

#[tokio::test]
async fn an_error_is_known_though_there_is_no_room_to_keep_it() {
    let error = ERROR.strip_prefix("data: ").unwrap().trim_end();
    let (one, two) = (Raw::start(whole("200 OK", error)).await, engine().await);
    let rig = Rig::bare(Limits { buffered: ask("hi", false).len() + 10, ..Limits::default() }).await;
    rig.apply(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: one}}], fallback: [two]}}",
        fleet("one", &[one.address]),
        fleet("two", &[two.address])
    ));
    assert_eq!(rig.chat(ask("hi", false)).await.backend(), "two");
    let usage = rig.usage("one");
    assert_eq!((usage.failed, usage.prompt_tokens, usage.completion_tokens), (1, 0, 0));
}

#[tokio::test]
async fn what_was_seen_counts_where_usage_tells_the_prompt_alone() {
    let said = says("Once").replace("null}]", r#"null}],"usage":{"prompt_tokens":7,"completion_tokens":0}"#);
    let (_one, _two, rig) = pair(chunked(&[&said, &said, &said]), "").await;
    rig.chat(ask("hi", true)).await;
    let usage = rig.usage("one");
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (7, 3));
}

#[tokio::test]
async fn what_only_begins_like_an_error_is_an_answer() {
    let good = r#""choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]"#;
    let long = "x".repeat(300_000);
    for body in [
        format!(r#"{{"error":null,{good}}}"#),
        format!(r#"{{"object":"chat.completion",{good}}}"#),
        format!(r#"{{"errors":{{}},{good}}}"#),
        // Too long to be held back.
        format!(r#"{{"error":null,"more":"{long}",{good}}}"#),
        format!(r#"{{"error":{{"message":"{long}"}}}}"#),
        r#"{"error":"#.to_owned(),
        "{".to_owned(),
    ] {
        for answer in [whole("200 OK", &body), in_chunks(&[&body[..1], &body[1..]])] {
            let (_one, two, rig) = pair(answer, "").await;
            assert!(text(&rig.chat(ask("hi", false)).await) == body, "{body:.60}");
            let usage = rig.usage("one");
            assert_eq!((usage.failed, two.seen().requests), (0, 0), "{body:.60}");
            let counts = body.len() >= 4 && !body.starts_with(r#"{"error":{"#);
            assert_eq!(usage.completion_tokens > 0, counts, "{body:.60}");
        }
    }
    // A refusal is for the client to read.
    let error = ERROR.strip_prefix("data: ").unwrap().trim_end();
    let (_one, two, rig) = pair(whole("422 Unprocessable Entity", error), "").await;
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), text(&reply).as_str(), two.seen().requests), (422, error, 0));
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_known_whatever_the_status() {
    let overflow =
        r#"{"error":{"message":"the maximum context length is 3","code":"context_length_exceeded"}}"#;
    let one = Raw::start(whole("200 OK", overflow)).await;
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: one}}]}}\nejection: {{consecutiveFailures: 1}}",
        fleet("one", &[one.address])
    ))
    .await;
    for _ in 0..2 {
        let reply = rig.chat(ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
    }
    assert!(!rig.metrics().await.contains("ejections_total{"), "it is not at fault");
}

#[tokio::test]
async fn what_only_keeps_the_connection_alive_is_no_content() {
    let head = |kind| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        )
    };
    // Some APIs send empty lines before an answer that comes whole, and comments before a stream.
    for (kind, alive, stream) in [
        ("application/json", "\n\n", false),
        ("application/json", "\r\n \t\n", false),
        ("text/event-stream", ": keep-alive\n\n", true),
        ("text/event-stream", "\n\n\r\n", true),
    ] {
        let piece = format!("{:x}\r\n{alive}\r\n", alive.len());
        let (one, _two, rig) = pair(format!("{}{piece}{piece}", head(kind)), "").await;
        let reply = rig.chat(ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.backend(), one.asked()), (200, "two", 1), "{alive:?}");
        assert_eq!(rig.usage("one").failed, 1);
        // With content it is part of the answer.
        let (json, event) = (r#"{"choices":[]}"#, format!("{}{DONE}", says("Hi")));
        let said = if stream { event.as_str() } else { json };
        let said = format!("{:x}\r\n{said}\r\n0\r\n\r\n", said.len());
        let (_one, two, rig) = pair(format!("{}{piece}{said}", head(kind)), "").await;
        let reply = text(&rig.chat(ask("hi", stream)).await);
        assert!(reply.contains("choices") && reply.starts_with(alive), "{reply:?}");
        assert_eq!(two.seen().requests, 0, "{alive:?}");
    }
}

#[tokio::test]
async fn an_error_after_content_is_the_end_whatever_is_said_after_it() {
    let said = says("Once");
    for chunks in [
        vec![format!("{said}{ERROR}{DONE}")],
        vec![said.clone(), format!("{ERROR}{DONE}")],
        vec![said.clone(), ERROR.to_owned(), DONE.to_owned()],
    ] {
        let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
        let (_one, two, rig) = pair(chunked(&chunks), "").await;
        let reply = rig.chat(ask("hi", true)).await;
        assert_eq!(text(&reply), format!("{said}{ERROR}"), "{chunks:?}");
        assert_eq!((rig.usage("one").failed, two.seen().requests), (1, 0), "{chunks:?}");
    }
}

#[tokio::test]
async fn an_error_after_content_is_continued_whatever_is_said_after_it() {
    let said = says("Once upon ");
    for chunks in [
        vec![format!("{said}{ERROR}{DONE}")],
        vec![format!("{said}{ERROR}"), DONE.to_owned()],
        vec![said.clone(), format!("{ERROR}{DONE}")],
    ] {
        let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
        let (_one, two, rig) = pair(chunked(&chunks), ", continuation: true").await;
        let reply = text(&rig.chat(ask("hi", true)).await);
        assert!(
            reply.starts_with(&format!("{said}: flotilla: the stream broke off, two went on\n")),
            "{reply}"
        );
        assert_eq!(reply.matches("[DONE]").count(), 1, "{reply}");
        assert!(reply.contains("dreary") && !reply.contains("out of pages"), "{reply}");
        assert_eq!((rig.usage("one").failed, two.seen().requests), (1, 1), "{chunks:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_reports_errors_and_then_that_it_is_done_is_ejected() {
    let said = says("Once");
    let (one, _two, rig) = pair(chunked(&[&said, ERROR, DONE]), "").await;
    for _ in 0..12 {
        rig.chat(ask("hi", true)).await;
    }
    assert_eq!(one.asked(), 5, "each is a failure, and five in a row are enough");
}

#[tokio::test]
async fn a_client_that_leaves_at_an_error_does_not_hide_it() {
    use http_body_util::BodyExt;
    // The engine holds the connection.
    let whole = chunked(&[&says("Once"), ERROR]);
    let held = whole.strip_suffix("0\r\n\r\n").unwrap();
    let (one, _two, rig) =
        pair(held.to_owned(), "}\nejection: {consecutiveFailures: 2, failurePercent: 0").await;
    for so_far in 1..=2 {
        {
            let mut body = rig.open(&[], ask("hi", true)).await.into_body();
            let mut seen = String::new();
            while !seen.contains("out of pages") {
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                seen.push_str(std::str::from_utf8(&piece).unwrap());
            }
        }
        eventually("it is settled", || rig.usage("one").requests == so_far).await;
        assert_eq!(rig.usage("one").failed, so_far);
    }
    assert_eq!((rig.chat(ask("hi", true)).await.backend(), one.asked()), ("two", 2));
}

#[tokio::test]
async fn a_stream_that_just_ends_is_cut_off() {
    let said = says("Once");
    let every = |reason: &str| until_close(&format!("{ROLE}{said}").replace("null", reason));
    // The last one in the middle of an event, which nobody could read.
    for answer in [
        chunked(&[&said]),
        until_close(&format!("{ROLE}{said}")),
        every("\"\""),
        every("\"null\""),
        until_close(&format!("{said}data: {{\"choices\":[{{\"ind")),
    ] {
        let (_one, two, rig) = pair(answer.clone(), "").await;
        let reply = text(&rig.chat(ask("hi", true)).await);
        let last = reply.trim_end().rsplit("data: ").next().unwrap();
        let error: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(error["error"]["code"], "upstream_error", "{reply}");
        assert!(reply.contains("Once") && !reply.contains("[DONE]") && !reply.contains("ind\n"));
        assert_eq!((rig.usage("one").failed, two.seen().requests), (1, 0), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_that_just_ends_is_continued() {
    let said = says("Once upon ");
    for answer in [
        chunked(&[&said]),
        until_close(&said),
        until_close(&format!("{said}data: {{\"choices\":[{{\"ind")),
        until_close(&format!("{said}da")),
    ] {
        let (_one, two, rig) = pair(answer.clone(), ", continuation: true").await;
        let reply = text(&rig.chat(ask("hi", true)).await);
        assert!(
            reply.starts_with(&format!("{said}: flotilla: the stream broke off, two went on\n")),
            "{reply}"
        );
        assert_eq!(reply.matches("[DONE]").count(), 1, "{reply}");
        assert_eq!((rig.usage("one").failed, two.seen().requests), (1, 1), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_whose_choice_ended_is_whole_without_another_word() {
    let said = says("Once");
    let ended = said.replacen("null", "\"stop\"", 1);
    let apart = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\": \"length\"}]}\n\n";
    let usage = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n";
    for body in [ended, format!("{said}{apart}"), format!("{said}{usage}"), format!("{said}{DONE}")] {
        for answer in [chunked(&[&body]), until_close(&body), until_close(body.trim_end())] {
            let (_one, two, rig) = pair(answer.clone(), ", continuation: true").await;
            let reply = text(&rig.chat(ask("hi", true)).await);
            assert_eq!(reply.trim_end(), body.trim_end(), "{answer}");
            assert_eq!((rig.usage("one").failed, two.seen().requests), (0, 0), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_stream_of_known_length_may_become_longer_or_shorter() {
    let said = says("Once");
    let of_length = |body: &str| {
        let chunked = until_close(body);
        chunked.replacen("connection: close", &format!("content-length: {}", body.len()), 1)
    };
    for (body, told) in [(format!("{said}{ERROR}{DONE}"), "out of pages"), (said.clone(), "upstream_error")] {
        let (_one, two, rig) = pair(of_length(&body), "").await;
        let ask = ask("hi", true).replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
        let reply = rig.chat(ask).await;
        let length = reply.header("content-length");
        assert!(length.is_empty() || length == reply.body.len().to_string(), "{length}");
        assert_eq!(two.seen().requests, 0);
        let reply = text(&reply);
        assert!(reply.starts_with(&said) && reply.contains(told) && !reply.contains("[DONE]"), "{reply}");
    }
}

/// The end of a choice.
fn ends(index: u32) -> String {
    format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n")
}

/// A stream whose connection breaks after this.
fn broken(body: &str) -> String {
    let whole = chunked(&[body]).replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
    whole.strip_suffix("0\r\n\r\n").unwrap().to_owned()
}

#[tokio::test]
async fn of_several_choices_all_must_have_ended() {
    let two = || ask("hi", true).replacen('{', r#"{"n":2,"#, 1);
    let said = says("Once");
    let one_ended = format!("{said}{}{}", ends(0), ends(0));
    let both_ended = format!("{said}{}{}", ends(1), ends(0));
    for (body, whole) in [(one_ended, false), (both_ended, true)] {
        for answer in [chunked(&[&body]), until_close(&body), broken(&body)] {
            let (_one, two_seen, rig) = pair(answer.clone(), "").await;
            let reply = text(&rig.chat(two()).await);
            assert!(reply.starts_with(&body), "{answer}");
            assert_eq!(!reply.contains("upstream_error"), whole, "{answer}");
            assert_eq!(rig.usage("one").failed, u64::from(!whole), "{answer}");
            assert_eq!(two_seen.seen().requests, 0);
        }
    }
}

#[tokio::test]
async fn of_the_best_of_many_choices_those_that_are_given_must_have_ended() {
    let best = |given: &str| ask("hi", true).replacen('{', &format!(r#"{{{given}"best_of":3,"#), 1);
    let said = says("Once");
    let one_ended = format!("{said}{}", ends(0));
    let both_ended = format!("{one_ended}{}", ends(1));
    for (given, body, whole) in
        [("", &one_ended, true), (r#""n":2,"#, &one_ended, false), (r#""n":2,"#, &both_ended, true)]
    {
        for answer in [chunked(&[body]), until_close(body), broken(body)] {
            let (_one, _two, rig) = pair(answer.clone(), "").await;
            let reply = text(&rig.chat(best(given)).await);
            assert_eq!(!reply.contains("upstream_error"), whole, "{given} {answer}");
            assert_eq!(rig.usage("one").failed, u64::from(!whole), "{given} {answer}");
        }
    }
}

#[tokio::test]
async fn what_breaks_when_all_choices_have_ended_is_whole() {
    let body = format!("{}{}", says("Once"), ends(0));
    for more in ["", ", continuation: true"] {
        let (one, two, rig) = pair(broken(&body), more).await;
        for _ in 0..6 {
            assert_eq!(text(&rig.chat(ask("hi", true)).await), body);
        }
        assert_eq!((one.asked(), rig.usage("one").failed, two.seen().requests), (6, 0, 0));
    }
}

#[tokio::test]
async fn a_stream_that_drips_for_ever_ends_with_its_time_and_is_no_fault() {
    let pod = engine().await;
    let words = "word ".repeat(1000);
    pod.script(Script { reply: words, gap_ms: 50, ..Script::default() });
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: pod}}]}}\ntimeouts: {{totalMs: 6000, idleMs: 5000}}\nejection: {{consecutiveFailures: 1}}",
        fleet("pod", &[pod.address])
    ))
    .await;
    for _ in 0..2 {
        let reply = text(&rig.chat(ask("hi", true)).await);
        assert!(reply.contains("word") && reply.contains("upstream_timeout") && !reply.contains("[DONE]"));
    }
    eventually("the pod is told", || pod.seen().abandoned == 2).await;
    assert!(!rig.metrics().await.contains("ejections_total{"));
}

#[tokio::test]
async fn a_turn_that_calls_a_tool_is_not_continued() {
    let call = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"at\"}}]},\"finish_reason\":null}]}\n\n";
    for body in [call.to_owned(), format!("{}{call}", says("Let me see."))] {
        let (_one, two, rig) = pair(broken(&body), ", continuation: true").await;
        let reply = text(&rig.chat(ask("hi", true)).await);
        assert!(reply.starts_with(&body) && reply.contains("upstream_error"), "{reply}");
        assert_eq!((rig.usage("one").failed, two.seen().requests), (1, 0));
    }
}
