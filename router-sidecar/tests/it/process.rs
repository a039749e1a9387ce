//! The program itself: its log, its signals, its commands.

use crate::rig::{ask, config, external, get, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use http_body_util::{BodyExt, Full};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const PROMPT: &str = "the-prompt-itself-0042";
const CLIENT_KEY: &str = "sk-clients-own-0815";

struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
    data: SocketAddr,
    admin: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Process {
    async fn start(api: &Provider) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("router.yaml");
        let policy = format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", api));
        std::fs::write(&path, config(&policy)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_flotilla-router"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1", "--config"])
            .arg(&path)
            .env("RUST_LOG", "trace")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut process =
            Self { child, log, seen: Vec::new(), data: unknown, admin: unknown, _folder: folder };
        let serving = process.line_with("serving").await;
        process.data = serving["listen"].as_str().unwrap().parse().unwrap();
        process.admin = serving["admin"].as_str().unwrap().parse().unwrap();
        process
    }

    /// The next log line with this message; all lines are kept.
    async fn line_with(&mut self, message: &str) -> serde_json::Value {
        loop {
            let line = self.log.next_line().await.unwrap().unwrap();
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            self.seen.push(line);
            if json["message"] == message {
                return json;
            }
        }
    }

    async fn post(&self, body: String) -> http::Response<hyper::body::Incoming> {
        let request = http::Request::post(format!("http://{}/v1/chat/completions", self.data))
            .header("authorization", format!("Bearer {CLIENT_KEY}"))
            .header("x-flotilla-explain", "1");
        crate::rig::client().request(request.body(Full::from(body)).unwrap()).await.unwrap()
    }

    fn terminate(&self) {
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
async fn on_sigterm_streams_under_way_finish_and_new_connections_are_refused() {
    let api = provider().await;
    let mut router = Process::start(&api).await;
    api.script(Script { reply: "word ".repeat(40), gap_ms: 10, ..Script::default() });
    let mut body = router.post(ask("hi", true)).await.into_body();
    body.frame().await.unwrap().unwrap();
    router.terminate();
    router.line_with("draining").await;
    assert_eq!(get(router.admin, "/readyz").await.status, 503);
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.ends_with(b"data: [DONE]\n\n"));
    // Read the log to its end, so that the program never waits for us.
    while let Some(line) = router.log.next_line().await.unwrap() {
        router.seen.push(line);
    }
    assert!(router.child.wait().await.unwrap().success());
    assert!(tokio::net::TcpStream::connect(router.data).await.is_err());
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
