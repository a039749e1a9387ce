//! The program itself: its log, its signals, its commands.

use crate::rig::{anthropic, ask, config, engine, external, fleet, get, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use http_body_util::{BodyExt, Full};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const PROMPT: &str = "the-prompt-itself-0042";
const CLIENT_KEY: &str = "sk-clients-own-0815";

pub(crate) struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
    data: SocketAddr,
    pub(crate) admin: SocketAddr,
    folder: tempfile::TempDir,
}

impl Process {
    async fn start(api: &Provider) -> Self {
        Self::start_with(api, &[]).await
    }

    async fn start_with(api: &Provider, more: &[&str]) -> Self {
        let api = external("api", api);
        Self::launch(&format!("backends:\n{api}\ndefault: {{backends: [{{name: api}}]}}"), more).await
    }

    pub(crate) async fn launch(policy: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("router.yaml");
        std::fs::write(&path, config(policy)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_flotilla-router"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1", "--config"])
            .arg(&path)
            .args(more)
            .env("RUST_LOG", "trace")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut process = Self { child, log, seen: Vec::new(), data: unknown, admin: unknown, folder };
        let serving = process.line_with("serving").await;
        process.data = serving["listen"].as_str().unwrap().parse().unwrap();
        process.admin = serving["admin"].as_str().unwrap().parse().unwrap();
        process
    }

    /// The next log line with this message; all lines are kept.
    pub(crate) async fn line_with(&mut self, message: &str) -> serde_json::Value {
        loop {
            let line = self.log.next_line().await.unwrap().unwrap();
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            self.seen.push(line);
            if json["message"] == message {
                return json;
            }
        }
    }

    pub(crate) async fn post(&self, body: String) -> http::Response<hyper::body::Incoming> {
        let request = http::Request::post(format!("http://{}/v1/chat/completions", self.data))
            .header("authorization", format!("Bearer {CLIENT_KEY}"))
            .header("x-flotilla-explain", "1");
        crate::rig::client().request(request.body(Full::from(body)).unwrap()).await.unwrap()
    }

    /// Waits for the end. The log is read to its end, so that the program never waits for us.
    pub(crate) async fn end(&mut self) {
        while let Some(line) = self.log.next_line().await.unwrap() {
            self.seen.push(line);
        }
        assert!(self.child.wait().await.unwrap().success());
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let status = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap();
        assert!(status.success());
    }
}

#[tokio::test]
async fn keys_and_prompts_are_in_no_log_header_or_metric_even_when_everything_is_logged() {
    let api = provider().await;
    let mut router = Process::start(&api).await;
    let mut visible = String::new();
    let faults = [Fault::None, Fault::Status(500), Fault::Status(401), Fault::Reset, Fault::CutAfter(2)];
    for (fault, stream) in faults.into_iter().flat_map(|f| [(f, true), (f, false)]) {
        api.script(Script { faults: [fault].into(), ..Script::default() });
        let (parts, body) = router.post(ask(PROMPT, stream)).await.into_parts();
        write!(visible, "{parts:?}").unwrap();
        if let Ok(body) = body.collect().await {
            visible.push_str(&String::from_utf8_lossy(&body.to_bytes()));
        }
        router.line_with("request").await;
    }
    drop(router.post(format!("{{\"model\":\"assistant\",\"messages\":\"{PROMPT}\"}}")).await);
    router.line_with("refused").await;
    visible.push_str(&String::from_utf8_lossy(&get(router.admin, "/metrics").await.body));
    visible.push_str(&router.seen.concat());
    for secret in [crate::rig::KEY, CLIENT_KEY, PROMPT] {
        let place = visible.find(secret);
        assert!(place.is_none(), "{secret} in: {}", &visible[place.unwrap().saturating_sub(300)..]);
    }
}

#[tokio::test]
async fn what_a_request_cannot_be_translated_for_is_logged_by_name_alone() {
    let api = provider().await;
    let policy = format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", anthropic("api", &api));
    let mut router = Process::launch(&policy, &[]).await;
    let user = ask("hi", false);
    for (body, field) in [
        (ask(PROMPT, false).replace(r#""content":"#, r#""content":7,"x":"#), "messages[0].content"),
        (user.replace(r#""user""#, &format!(r#""{PROMPT}""#)), "messages[0].role"),
        (user.replace("[{", &format!(r#"["{PROMPT}",{{"#)), "messages"),
        (user.replacen('{', &format!(r#"{{"to {PROMPT}":1,"#), 1), "an unknown field"),
    ] {
        let reply = router.post(body).await;
        assert_eq!(reply.status(), 400, "{field}");
        let decision = format!("{:?}", reply.headers());
        assert!(decision.contains(&format!("cannot express the request: {field}")), "{field}: {decision}");
        assert!(!decision.contains(PROMPT), "{field}: {decision}");
        let line = router.line_with("request").await.to_string();
        assert!(line.contains(field), "{field}: {line}");
        // The client itself is told.
        let told = reply.into_body().collect().await.unwrap().to_bytes();
        assert!(told.len() < 1000, "{field}");
    }
    assert!(!router.seen.concat().contains(PROMPT));
}

#[tokio::test]
async fn each_request_leaves_one_line_that_says_what_was_decided_and_what_it_cost() {
    let api = provider().await;
    let mut router = Process::start(&api).await;
    drop(router.post(ask("two words", false)).await.into_body().collect().await);
    let line = router.line_with("request").await;
    for (field, value) in [
        ("policy", serde_json::json!("team/assistant")),
        ("rule", "default".into()),
        ("backend", "api".into()),
        ("status", 200.into()),
        ("outcome", "complete".into()),
        ("promptTokens", 2.into()),
        ("completionTokens", 5.into()),
        ("costNanoUsd", 55_000.into()),
        ("failedAttempts", 0.into()),
    ] {
        assert_eq!(line[field], value, "{field} of {line}");
    }
    assert!(line["reasons"].as_str().unwrap().contains("api drawn"), "{line}");
}

#[tokio::test]
async fn the_line_of_a_stream_that_went_on_elsewhere_says_so() {
    let (one, two) = (engine().await, engine().await);
    one.script(Script { faults: [Fault::CutAfter(3)].into(), gap_ms: 20, ..Script::default() });
    let policy = format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: one}}], fallback: [two], continuation: true}}",
        fleet("one", &[one.address]),
        fleet("two", &[two.address])
    );
    let mut router = Process::launch(&policy, &[]).await;
    router.post(ask("hi", true)).await.into_body().collect().await.unwrap();
    let line = router.line_with("request").await;
    let reasons = line["reasons"].as_str().unwrap();
    assert!(reasons.contains("the stream broke off and two went on"), "{line}");
    assert_eq!((&line["backend"], &line["outcome"]), (&"two".into(), &"complete".into()));
}

#[tokio::test]
async fn on_sigterm_readiness_goes_first_then_the_listener_then_the_streams_finish() {
    let api = provider().await;
    // The delay never ends by itself here: the second signal ends it.
    let mut router = Process::start_with(&api, &["--drain-delay=3600", "--drain-timeout=3600"]).await;
    api.script(Script { reply: "word ".repeat(300), gap_ms: 10, ..Script::default() });
    let mut body = router.post(ask("hi", true)).await.into_body();
    body.frame().await.unwrap().unwrap();
    router.terminate();
    router.line_with("draining").await;
    assert_eq!(get(router.admin, "/readyz").await.status, 503);
    assert_eq!(get(router.admin, "/healthz").await.status, 200);
    // Whoever has not heard of it yet is answered on a new connection, and told not to use it again.
    let late = router.post(ask("hi", false)).await;
    assert_eq!((late.status().as_u16(), &late.headers()["connection"]), (200, &"close".parse().unwrap()));
    late.into_body().collect().await.unwrap();
    let mut stays = router.post(ask("hi", true)).await.into_body();
    stays.frame().await.unwrap().unwrap();
    router.terminate();
    router.line_with("closed to new connections").await;
    // The line may be read before the listener is gone. Its port is still in use by the streams, so nobody else can be
    // there.
    let closed = async {
        while tokio::net::TcpStream::connect(router.data).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), closed).await.unwrap();
    assert!(router.is_running(), "the listener goes before the streams");
    for stream in [body, stays] {
        assert!(stream.collect().await.unwrap().to_bytes().ends_with(b"data: [DONE]\n\n"));
    }
    router.end().await;
}

#[tokio::test]
async fn on_sigterm_who_waits_in_the_router_is_answered_as_well() {
    let (busy, cold) = (engine().await, engine().await);
    busy.script(Script { reply: "word ".repeat(100), gap_ms: 10, ..Script::default() });
    let policy = |pods: &[SocketAddr]| {
        let gate = "name: busy, concurrency: {maxRequests: 1, maxQueued: 1, queueTimeoutMs: 60000},";
        let hold = "fleet: {hold: {maxRequests: 1, timeoutMs: 60000, startMs: 1000},";
        format!(
            "backends:\n{}\n{}\nrules:\n- {{name: cold, match: {{dataClasses: [cold]}}, route: {{backends: [{{name: cold}}]}}}}\ndefault: {{backends: [{{name: busy}}]}}",
            fleet("busy", &[busy.address]).replacen("name: busy,", gate, 1),
            fleet("cold", pods).replacen("fleet: {", hold, 1)
        )
    };
    let mut router = Process::launch(&policy(&[]), &["--drain-delay=3600", "--drain-timeout=3600"]).await;
    let under_way = router.post(ask("hi", true)).await.into_body();
    let post = |class: &'static str| {
        let request = http::Request::post(format!("http://{}/v1/chat/completions", router.data))
            .header("x-data-class", class)
            .body(Full::from(ask("hi", false)))
            .unwrap();
        tokio::spawn(async move { crate::rig::client().request(request).await.unwrap().status() })
    };
    let (queued, held) = (post(""), post("cold"));
    // Nothing hangs on it, but by then both are there.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    router.terminate();
    router.line_with("draining").await;
    router.terminate();
    router.line_with("closed to new connections").await;
    assert_eq!((busy.seen().requests, cold.seen().requests), (1, 0), "they wait");
    std::fs::write(router.folder.path().join("router.yaml"), config(&policy(&[cold.address]))).unwrap();
    assert!(under_way.collect().await.unwrap().to_bytes().ends_with(b"data: [DONE]\n\n"));
    assert_eq!((queued.await.unwrap().as_u16(), held.await.unwrap().as_u16()), (200, 200));
    router.end().await;
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_at_the_drain_timeout() {
    let api = provider().await;
    let mut router = Process::start_with(&api, &["--drain-timeout=1"]).await;
    api.script(Script { faults: [Fault::StallAfter(3)].into(), ..Script::default() });
    let mut body = router.post(ask("hi", true)).await.into_body();
    body.frame().await.unwrap().unwrap();
    router.terminate();
    router.line_with("answers under way are cut at the drain timeout").await;
    assert!(body.collect().await.is_err());
    router.end().await;
    assert!(router.seen.iter().any(|line| line.contains("client_gone")), "it is accounted all the same");
}

#[test]
fn check_says_what_is_wrong_and_ends_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.yaml");
    let run = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_flotilla-router"))
            .args(["check", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let good = config(
        "backends: [{name: api, external: {baseUrl: 'https://api.example/v1', model: m}}]\ndefault: {backends: [{name: api}]}",
    );
    let (code, out, _) = run(&good);
    assert_eq!(code, Some(0));
    assert!(out.contains("1 policies, 1 models"), "{out}");
    let (code, _, error) = run(&good.replace("{name: api}]}", "{name: api, weight: 0}]}"));
    assert_eq!(code, Some(1));
    assert!(error.contains("the weights sum to zero"), "{error}");
}
