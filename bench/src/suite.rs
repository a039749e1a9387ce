//! All cases through all gateways, in turns: what else the machine does meets all of them.

use crate::awake::Awake;
use crate::gateway::{Gateway, Kind, Peer, RouterSetup, Starter};
use crate::guards::{self, Guarded};
use crate::instructions;
use crate::measure::{Bench, Case, Sample};
use crate::traffic::{Answer, Pace};
use std::time::Duration;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort<'a> {
    /// Only cases whose name holds this, and nothing else.
    pub only: Option<&'a str>,
    /// Turns that every case takes.
    pub rounds: usize,
    /// Seconds of one turn.
    pub seconds: f64,
    /// Gateways to measure besides, where they are installed.
    pub peers: &'a [&'static Peer],
}

/// What one gateway did with one case, by round. `None` stands for no gateway at all.
#[derive(Debug)]
pub struct Series {
    /// Who.
    pub who: Option<Kind>,
    /// One sample a round.
    pub samples: Vec<Sample>,
}

/// One case, by everybody.
#[derive(Debug)]
pub struct CaseResult {
    /// Which.
    pub case: Case,
    /// In the order of the report.
    pub series: Vec<Series>,
}

/// What the router and nginx cost with more models or endpoints.
#[derive(Debug)]
pub struct Scaling {
    /// What was made more.
    pub what: &'static str,
    /// One sample a round.
    pub samples: Vec<Sample>,
}

/// Everything measured.
#[derive(Debug)]
pub struct Results {
    /// The cases.
    pub cases: Vec<CaseResult>,
    /// The router, and nginx for comparison, with 1 and 1,000 of something.
    pub scaling: Vec<Scaling>,
    /// Resident MiB: idle, and with [`STREAMS`] open.
    pub memory: Vec<(Kind, f64, f64)>,
    /// Peers that were asked for and are not installed.
    pub absent: Vec<&'static str>,
    /// What detectors and budgets cost.
    pub guards: Vec<Guarded>,
    /// Instructions of the router per request, if valgrind is there.
    pub instructions: Vec<(&'static str, Option<u64>)>,
}

/// Open streams while memory is looked at.
pub const STREAMS: usize = 1000;
/// What "many" models and endpoints are.
pub const MANY: usize = 1000;
/// The case that the scaling measurements run.
pub const SMALL: &str = "300 B, 32 clients";
/// One client: what a request is delayed by.
pub const ALONE: &str = "300 B, 1 client";
/// The same where no core has to be woken.
pub const AWAKE: &str = "300 B, 1 client, cores kept awake";
/// The longest prompt.
pub const LARGE: &str = "200 KB, 8 clients";
/// Streams without pauses.
pub const STREAM: &str = "20 events, no gap, 32 clients";
/// What peers are measured with: what tells them apart, since some are a hundred times as slow.
const PEER_CASES: [&str; 4] = [ALONE, AWAKE, SMALL, STREAM];

pub(crate) fn case(
    name: &'static str,
    answer: Answer,
    body_bytes: usize,
    connections: usize,
    seconds: f64,
) -> Case {
    let (warm, time) = (Duration::from_millis(150), Duration::from_secs_f64(seconds));
    Case { name, answer, body_bytes, connections, warm, time }
}

fn cases(seconds: f64) -> [Case; 9] {
    let stream = |events, gap| Answer::Stream { events, pace: Pace::ms(gap) };
    [
        case(ALONE, Answer::Json, 300, 1, seconds),
        case(AWAKE, Answer::Json, 300, 1, seconds),
        case(SMALL, Answer::Json, 300, 32, seconds),
        case("16 KB, 32 clients", Answer::Json, 16 * 1024, 32, seconds),
        case(LARGE, Answer::Json, 200_000, 8, seconds),
        case(STREAM, stream(20, 0), 300, 32, seconds),
        case("500 events, no gap, 32 clients", stream(500, 0), 300, 32, 1.5 * seconds),
        case("20 events, 5 ms apart, 64 clients", stream(20, 5), 300, 64, seconds),
        case("500 events, 5 ms apart, 64 clients", stream(500, 5), 300, 64, 2.0 * seconds),
    ]
}

/// Runs everything.
///
/// # Errors
/// A gateway does not come up, or answers wrongly.
pub async fn run(starter: &Starter<'_>, effort: Effort<'_>) -> anyhow::Result<Results> {
    let bench = Bench::start(1).await?;
    let mut gateways = Vec::new();
    let (installed, absent): (Vec<_>, Vec<_>) =
        effort.peers.iter().copied().partition(|peer| peer.program().is_some());
    let absent = absent.into_iter().map(|peer| peer.name).collect();
    for kind in Kind::ALL.into_iter().chain(installed.into_iter().map(Kind::Peer)) {
        gateways.push(starter.start(kind, &bench.upstreams).await?);
    }
    let idle = gateways.iter().map(Gateway::resident_mib).collect::<Result<Vec<_>, _>>()?;
    let mut results = Vec::new();
    let wanted = |case: &Case| effort.only.is_none_or(|text| case.name.contains(text));
    for case in cases(effort.seconds).into_iter().filter(wanted) {
        let awake = starter.cores.filter(|_| case.name == AWAKE).map(Awake::keep).transpose()?;
        results.push(one_case(&bench, &gateways, case, effort.rounds).await?);
        drop(awake);
    }
    let mut memory = Vec::new();
    if effort.only.is_some() {
        return Ok(Results {
            cases: results,
            scaling: Vec::new(),
            memory,
            absent,
            guards: Vec::new(),
            instructions: Vec::new(),
        });
    }
    for (gateway, idle) in gateways.iter().zip(idle) {
        if let Kind::Peer(_) = gateway.kind() {
            continue;
        }
        progress(&format!("{STREAMS} open streams: {}", gateway.kind().name()));
        memory.push((gateway.kind(), idle, bench.memory(gateway, STREAMS).await?));
    }
    for gateway in gateways {
        gateway.end().await?;
    }
    let scaling = scaling(starter, effort).await?;
    let guards = guards::run(starter, effort).await?;
    let instructions = instructions::of_all(starter).await?;
    Ok(Results { cases: results, scaling, memory, absent, guards, instructions })
}

async fn one_case(
    bench: &Bench,
    gateways: &[Gateway],
    case: Case,
    rounds: usize,
) -> anyhow::Result<CaseResult> {
    progress(case.name);
    let takes_part = |gateway: &&Gateway| match gateway.kind() {
        Kind::Peer(peer) => PEER_CASES.contains(&case.name) && (peer.streams || case.answer == Answer::Json),
        _ => true,
    };
    let everybody = || std::iter::once(None).chain(gateways.iter().filter(takes_part).map(Some));
    let mut series: Vec<_> =
        everybody().map(|g| Series { who: g.map(Gateway::kind), samples: Vec::new() }).collect();
    for _ in 0..rounds {
        for (gateway, series) in everybody().zip(&mut series) {
            let case = if gateway.is_some_and(is_peer) { unhurried(case) } else { case };
            series.samples.push(bench.run(gateway.as_slice(), "assistant", &case).await?);
        }
    }
    Ok(CaseResult { case, series })
}

fn is_peer(gateway: &Gateway) -> bool {
    matches!(gateway.kind(), Kind::Peer(_))
}

/// For gateways that take a hundred times as long: their first answers may come after seconds.
fn unhurried(case: Case) -> Case {
    Case { warm: Duration::from_secs(3), time: case.time * 8, ..case }
}

async fn scaling(starter: &Starter<'_>, effort: Effort<'_>) -> anyhow::Result<Vec<Scaling>> {
    let bench = Bench::start(MANY).await?;
    let (all, one) = (&bench.upstreams[..], &bench.upstreams[..1]);
    let mut case =
        cases(effort.seconds).into_iter().find(|c| c.name == SMALL).unwrap_or_else(|| unreachable!());
    let router = |upstreams, models| RouterSetup { models, ..RouterSetup::usual(upstreams) };
    let gateways = [
        ("flotilla-router, 1 model, 1 endpoint", starter.router(&router(one, 1)).await?),
        ("flotilla-router, 1,000 models", starter.router(&router(one, MANY)).await?),
        ("flotilla-router, 1,000 endpoints", starter.router(&router(all, 1)).await?),
        ("nginx, 1 endpoint", starter.start(Kind::Nginx, one).await?),
        ("nginx, 1,000 endpoints", starter.start(Kind::Nginx, all).await?),
    ];
    let mut scaling: Vec<_> =
        gateways.iter().map(|(what, _)| Scaling { what, samples: Vec::new() }).collect();
    for round in 0..effort.rounds {
        // At first until there is a connection to every endpoint.
        case.warm = Duration::from_millis(if round == 0 { 1500 } else { 150 });
        for ((what, gateway), scaling) in gateways.iter().zip(&mut scaling) {
            if round == 0 {
                progress(what);
            }
            scaling.samples.push(bench.run(&[gateway], "assistant", &case).await?);
        }
    }
    for (_, gateway) in gateways {
        gateway.end().await?;
    }
    Ok(scaling)
}

pub(crate) fn progress(what: &str) {
    eprintln!("  {what}");
}
