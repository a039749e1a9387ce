//! A trace of real traffic, faster than it was, against real engines: replicas follow it, and no request fails. Run by
//! `make trace`, not by `make test`.

use crate::picture::{Point, picture};
use crate::stage::{MODEL, Stage, all_good, fleet_only};
use flotilla_e2e::bed::repository;
use flotilla_e2e::harness::{
    INSTALL_NAMESPACE, Reply, Result, Target, TestNamespace, Timed, call, leader, long_case,
};
use http::Method;
use jiff::civil::DateTime;
use kube::ResourceExt as _;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first minutes of Azure's code trace; `FLOTILLA_TRACE` names another file of its columns.
const EXCERPT: &str = include_str!("../../../sim/tests/fixtures/azure_code_400.csv");
/// What two cores with everything else on them can answer: the trace's hour in minutes, one request in so many, prompts
/// shortened by so much.
const SPEED: f64 = 8.0;
const ONE_IN: usize = 5;
const SHORTER: u32 = 16;
/// A sequence of the engine has room for 512 tokens.
const MOST_WORDS: u32 = 400;
const MOST_TOKENS: u32 = 32;
const DEADLINE: Duration = Duration::from_mins(20);

#[tokio::test]
#[ignore = "ten minutes of two busy cores; make trace runs it"]
async fn replicas_follow_a_trace_to_zero_and_back() {
    // Windows are as much shorter as the trace is faster. What replicas are said to do makes peaks need several.
    let scaling = json!({
        "minReplicas": 0, "maxReplicas": 4, "scaleToZeroAfter": "20s", "stabilizationWindow": "40s",
        "hold": {"maxRequests": 500, "timeout": "1m"},
        "replicaCapacity": {"promptTokensPerSecond": 900, "completionTokensPerSecond": 120},
    });
    long_case("trace", DEADLINE, async |cluster, namespace| {
        let stage = Stage::set(cluster, namespace, &scaling, fleet_only).await?;
        let app = stage.application().await?;
        stage.has("no replica", |status| status.desired_replicas == Some(0)).await?;

        let asks = asks();
        app.start_replay(&stage.namespace, &asks).await?;
        let mut film = Film::new(&stage).await?;
        while app.replayed(&stage.namespace).await? < asks.len() {
            film.look(&stage).await?;
        }
        let replies = app.end_replay(&stage.namespace).await?;
        tell(&replies);
        assert_eq!(replies.len(), asks.len());
        all_good(&replies);
        while stage.status().await?.replicas > 0 {
            film.look(&stage).await?;
        }

        // Who comes back after everybody has gone.
        app.start_replay(&stage.namespace, &asks[..20]).await?;
        while app.replayed(&stage.namespace).await? < 20 {
            film.look(&stage).await?;
        }
        all_good(&app.end_replay(&stage.namespace).await?);
        film.check();
        if std::env::var_os("FLOTILLA_UPDATE").is_some() {
            std::fs::write(repository().join("docs/scaling-bed.svg"), picture(&film.points)).unwrap();
        }
        Ok(())
    })
    .await;
}

/// The trace, thinned, shortened and faster.
fn asks() -> Vec<Timed> {
    let file = std::env::var_os("FLOTILLA_TRACE").map(|path| std::fs::read_to_string(path).unwrap());
    let text = file.as_deref().unwrap_or(EXCERPT);
    let mut start = None;
    let rows = text.lines().skip(1).step_by(ONE_IN).map(|line| {
        let [time, prompt, completion]: [&str; 3] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let time = DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", time).unwrap();
        let since = time.duration_since(*start.get_or_insert(time));
        Timed {
            at: since.as_secs_f64() / SPEED,
            model: MODEL.to_owned(),
            prompt_words: (prompt.parse::<u32>().unwrap() / SHORTER).clamp(1, MOST_WORDS),
            max_tokens: completion.parse::<u32>().unwrap().clamp(1, MOST_TOKENS),
            stream: true,
            headers: BTreeMap::new(),
        }
    });
    rows.collect()
}

fn tell(replies: &[Reply]) {
    let mut seconds: Vec<_> = replies.iter().map(|reply| reply.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let failed = replies.iter().filter(|reply| reply.status != 200).count();
    let at = |share: usize| seconds[(seconds.len() - 1) * share / 100];
    println!(
        "{} requests, {failed} failed; whole answers p50 {:.1} s, p99 {:.1} s",
        replies.len(),
        at(50),
        at(99)
    );
}

/// What the operator's metrics said, second by second.
struct Film {
    leader: (TestNamespace, Target),
    start: Instant,
    points: Vec<Point>,
}

impl Film {
    async fn new(stage: &Stage) -> Result<Self> {
        let client = stage.namespace.client.clone();
        let pod = Target::Pod(leader(&client).await?.name_any(), 8080);
        let leader = (TestNamespace { name: INSTALL_NAMESPACE.to_owned(), client }, pod);
        Ok(Self { leader, start: Instant::now(), points: Vec::new() })
    }

    async fn look(&mut self, stage: &Stage) -> Result<()> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (namespace, pod) = &self.leader;
        let text = call(namespace, pod, Method::GET, "/metrics", None).await?;
        let of_model = format!("{{model=\"fleet\",namespace=\"{}\"}} ", stage.namespace.name);
        let value = |name: &str| {
            let prefix = format!("flotilla_operator_scaling_{name}{of_model}");
            text.lines().find_map(|line| line.strip_prefix(&prefix)?.parse::<f64>().ok()).unwrap_or(0.0)
        };
        let status = stage.status().await?;
        self.points.push(Point {
            second: self.start.elapsed().as_secs_f64(),
            offered: value("offered_tokens_per_second"),
            capacity: value("capacity_tokens_per_second"),
            desired: value("desired_replicas"),
            ready: f64::from(status.ready_replicas),
        });
        Ok(())
    }

    /// It grew beyond one, went to zero after that, and came back.
    fn check(&self) {
        let wanted: Vec<_> = self.points.iter().map(|point| point.desired).collect();
        let grew = wanted.iter().position(|wanted| *wanted >= 2.0).unwrap();
        let slept = wanted[grew..].iter().rposition(|wanted| *wanted == 0.0).unwrap();
        let woke = wanted[grew + slept..].iter().any(|wanted| *wanted >= 1.0);
        assert!(woke, "it never came back: {wanted:?}");
    }
}
