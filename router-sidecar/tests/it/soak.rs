//! `make soak`: minutes of mixed traffic while everything around the router breaks. Asserts that every answer is whole
//! or says that it is not, that none comes twice, that the log accounts for every request, and that memory is flat.
//!
//! `FLOTILLA_SOAK_SECONDS` sets the time; 600 by default. All of it is on the loopback.

use crate::rig::{ask, config, eventually, fleet};
use flotilla_e2e::provider::{Fault, Options, Provider, Script};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const CLIENTS: u64 = 16;
const REPLY: &str = "one two three four five six seven eight nine ten";

/// What clients saw.
#[derive(Debug, Default)]
struct Tally {
    /// Answers with a status.
    answers: AtomicU64,
    /// Of these, complete ones.
    complete: AtomicU64,
    /// Streams that another target went on with.
    continued: AtomicU64,
    /// Errors in the router's or a target's words.
    errors: AtomicU64,
    /// Answers that the client left in the middle.
    left: AtomicU64,
    /// Requests that no router answered: they came to one that was just ending.
    turned_away: AtomicU64,
    /// What should not be.
    wrong: Mutex<Vec<String>>,
}

/// A router with its log.
struct Router {
    child: Child,
    data: SocketAddr,
    pid: u32,
}

async fn router(path: &Path, lines: Arc<AtomicU64>) -> Router {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flotilla-router"))
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config"])
        .arg(path)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let data = loop {
        let line: serde_json::Value = serde_json::from_str(&log.next_line().await.unwrap().unwrap()).unwrap();
        if line["message"] == "serving" {
            break line["listen"].as_str().unwrap().parse().unwrap();
        }
    };
    // Ends with the process.
    tokio::spawn(async move {
        while let Ok(Some(line)) = log.next_line().await {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let message = line["message"].as_str().unwrap_or_default();
            lines.fetch_add(u64::from(message == "request" || message == "refused"), Ordering::Relaxed);
        }
    });
    Router { pid: child.id().unwrap(), child, data }
}

impl Router {
    /// Asks it to end, and waits until it has.
    async fn end(mut self) {
        assert!(
            Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await.unwrap().success()
        );
        assert!(self.child.wait().await.unwrap().success());
    }

    /// Resident memory in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

async fn pod(listen: SocketAddr) -> Provider {
    loop {
        let options = Options { key: None, model: "m".to_owned() };
        match Provider::start(listen, options).await {
            Ok(provider) => {
                provider.script(Script { reply: REPLY.to_owned(), ..Script::default() });
                return provider;
            }
            // The port of the pod before is not free yet.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn policy(pods: &[SocketAddr], round: u64) -> String {
    let one = fleet("one", &pods[..2]);
    let one = match round % 3 {
        0 => one.replacen(
            "name: one,",
            "name: one, concurrency: {maxRequests: 4, maxQueued: 8, queueTimeoutMs: 200},",
            1,
        ),
        _ => one,
    };
    let two = fleet("two", &pods[2..]);
    let (hedge, continuation) = (round.is_multiple_of(2), round % 4 < 2);
    let weight = round % 5 * 20;
    config(&format!(
        "backends:\n{one}\n{two}\ndefault: {{backends: [{{name: one, weight: 100}}, {{name: two, weight: {weight}}}], fallback: [one, two], hedge: {hedge}, continuation: {continuation}}}\ntimeouts: {{firstTokenMs: 500, idleMs: 500, totalMs: 10000}}\nejection: {{baseMs: 500, maxMs: 2000}}"
    ))
}

fn script(dice: u64) -> Script {
    let faults = (0..8).map(|n| match (dice >> (n * 4)) & 0xF {
        0 => Fault::Status(500),
        1 => Fault::Status(429),
        2 => Fault::Reset,
        3 => Fault::CutAfter(3),
        4 => Fault::StallAfter(3),
        5 => Fault::ErrorAfter(4),
        6 => Fault::ErrorEvent,
        7 => Fault::Stall,
        8 => Fault::CutAfter(0),
        _ => Fault::None,
    });
    Script { faults: faults.collect(), reply: REPLY.to_owned(), gap_ms: dice % 4, ..Script::default() }
}

/// One request and what became of it.
async fn exchange(http: &Client<HttpConnector, Full<bytes::Bytes>>, to: SocketAddr, n: u64, tally: &Tally) {
    let stream = !n.is_multiple_of(4);
    let request = http::Request::post(format!("http://{to}/v1/chat/completions"))
        .header("x-session-id", format!("s{}", n % 50))
        .body(Full::from(ask(
            &format!("request {n} {}", "x".repeat(usize::try_from(n % 3).unwrap() * 3000)),
            stream,
        )))
        .unwrap();
    let add = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed);
    let Ok(response) = http.request(request).await else {
        add(&tally.turned_away);
        return;
    };
    add(&tally.answers);
    let status = response.status();
    let mut body = response.into_body();
    if n.is_multiple_of(23) {
        let _ = body.frame().await;
        add(&tally.left);
        return;
    }
    let Ok(body) = body.collect().await else {
        // An answer that is not streamed says that it broke by not ending.
        if stream {
            tally.wrong.lock().push(format!("{n}: a stream broke without a word"));
        }
        add(&tally.errors);
        return;
    };
    let body = body.to_bytes();
    let text = String::from_utf8_lossy(&body);
    // A pod that dies between the end of its answer and `[DONE]` has said all that there was to say.
    let ended = match text.matches("[DONE]").count() {
        0 => text.contains("\"finish_reason\":\"stop\""),
        count => count == 1,
    };
    let whole = if stream { ended && !text.contains("\"error\"") } else { text.contains(REPLY) };
    let told = text.matches("\"error\"").count() == 1 && !text.contains("[DONE]");
    let continued = text.contains(": flotilla: the stream broke off");
    // Each word once, unless a second target told it anew, as the stand-in does.
    let once =
        continued || REPLY.split(' ').all(|word| !stream || text.matches(&format!("\"{word}")).count() == 1);
    match (status.is_success(), whole, told) {
        (true, true, _) if once => {
            add(&tally.complete);
            tally.continued.fetch_add(u64::from(continued), Ordering::Relaxed);
        }
        (_, false, true) => {
            add(&tally.errors);
        }
        _ => {
            let end = text.char_indices().rev().nth(1500).map_or(0, |(at, _)| at);
            tally.wrong.lock().push(format!("{n}: {status} …{}", &text[end..]));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make soak"]
async fn soak() {
    let seconds = std::env::var("FLOTILLA_SOAK_SECONDS").map_or(600, |text| text.parse().unwrap());
    let (begun, time) = (Instant::now(), Duration::from_secs(seconds));
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("router.yaml");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut pods = vec![pod(any).await, pod(any).await, pod(any).await];
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    std::fs::write(&path, policy(&addresses, 0)).unwrap();
    let lines = Arc::new(AtomicU64::new(0));
    let mut current = router(&path, Arc::clone(&lines)).await;

    let (tally, stop) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let address = Arc::new(Mutex::new(current.data));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (tally, stop, address) = (Arc::clone(&tally), Arc::clone(&stop), Arc::clone(&address));
            // A connection a request: what is sent on one that is just being closed is lost, and nobody's fault.
            let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let to = *address.lock();
                    exchange(&http, to, n * CLIENTS + client, &tally).await;
                }
            })
        })
        .collect();

    let mut memory: Vec<u64> = Vec::new();
    let mut report = String::new();
    let mut flat = true;
    let mut lives = 1;
    let mut round = 0_u64;
    while begun.elapsed() < time {
        round += 1;
        let dice = rand::random::<u64>();
        pods[usize::try_from(dice % 3).unwrap()].script(script(dice >> 2));
        if round.is_multiple_of(4) {
            std::fs::write(&path, format!("{}#{round}\n", policy(&addresses, round))).unwrap();
        }
        if round.is_multiple_of(40) {
            // A pod is gone and comes back at its address.
            let place = usize::try_from(round / 40 % 3).unwrap();
            drop(pods.remove(place));
            pods.insert(place, pod(addresses[place]).await);
        }
        // A router is replaced twice: the new one is there before the old one is asked to end.
        if begun.elapsed() > time * lives / 3 && lives < 3 {
            lives += 1;
            flat &= is_flat(&memory, &mut report);
            memory.clear();
            let next = router(&path, Arc::clone(&lines)).await;
            *address.lock() = next.data;
            std::mem::replace(&mut current, next).end().await;
        }
        memory.push(current.memory());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    flat &= is_flat(&memory, &mut report);
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    // Those who left are settled when the router sees them gone.
    eventually("every request has its line", || count(&lines) >= count(&tally.answers)).await;
    current.end().await;
    let wrong = std::mem::take(&mut *tally.wrong.lock());
    println!("{report}{tally:?}, {} lines in the log", count(&lines));
    assert!(wrong.is_empty(), "{} answers are wrong; the first: {:#?}", wrong.len(), wrong.first());
    // A request that was turned away may have been taken, and then has its line.
    let accounted = count(&tally.answers)..=count(&tally.answers) + count(&tally.turned_away);
    assert!(accounted.contains(&count(&lines)), "{} lines for {accounted:?} requests", count(&lines));
    assert!(count(&tally.complete) * 2 > count(&tally.answers), "most requests are answered well");
    assert!(flat, "{report}");
}

/// Whether memory stays where it was after the first third of a router's life.
fn is_flat(samples: &[u64], report: &mut String) -> bool {
    let (early, late) = samples.split_at(samples.len() / 3);
    let most = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    let _ =
        writeln!(report, "resident memory: {} KiB in the first third, {} KiB after", most(early), most(late));
    // Pools and tables may still fill up a little.
    most(late) <= most(early) + most(early) / 4 + 4096
}
