//! One case through one gateway, once.

use crate::gateway::Gateway;
use crate::load::{self, Client, Tally};
use crate::mock;
use crate::traffic::{Answer, Pace, Script, request};
use anyhow::Context;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What is sent, and how much of it at once.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// In the report.
    pub name: &'static str,
    /// How the engine answers.
    pub answer: Answer,
    /// Bytes of each request's body.
    pub body_bytes: usize,
    /// Clients at once.
    pub connections: usize,
    /// Not counted.
    pub warm: Duration,
    /// Counted.
    pub time: Duration,
}

/// What one run of a case gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// Answers, or streams, a second of wall time. Streams are counted by their events.
    pub rate: f64,
    /// Microseconds of the gateway's CPU for each of them.
    pub cpu: Option<f64>,
    /// Of these, in the kernel; sampled, so good for medians only.
    pub kernel: Option<f64>,
    /// The share of its core that the gateway used.
    pub busy: Option<f64>,
    /// From a request to the end of its answer, in microseconds: the median.
    pub p50: Option<f64>,
    /// The same: of 100 requests, one takes longer.
    pub p99: Option<f64>,
    /// From a request to the first byte of its answer's body, in microseconds: the median.
    pub first: Option<f64>,
    /// From the mock's write of an event to its arrival, in microseconds: the median.
    pub lag: Option<f64>,
    /// The share of events that took more than 35 ms: Nagle's algorithm and delayed ACKs make 40.
    pub late: f64,
}

/// Mock and clients of a whole run.
#[derive(Debug)]
pub struct Bench {
    /// Where the mock listens.
    pub upstreams: Vec<SocketAddr>,
    script: Script,
    epoch: Instant,
    _mock: JoinSet<()>,
}

impl Bench {
    /// Starts the mock on so many ports.
    ///
    /// # Errors
    /// There are not as many ports.
    pub async fn start(ports: usize) -> anyhow::Result<Self> {
        let (script, epoch) = (Script::default(), Instant::now());
        let (upstreams, mock) = mock::start(&script, epoch, ports).await?;
        Ok(Self { upstreams, script, epoch, _mock: mock })
    }

    /// A client of a gateway, or of the mock itself.
    fn client(
        &self,
        gateway: Option<&Gateway>,
        model: &str,
        answer: Answer,
        body_bytes: usize,
    ) -> anyhow::Result<Client> {
        let direct = self.upstreams.first().copied().context("a mock without ports")?;
        self.script.set(answer);
        Ok(Client {
            address: gateway.map_or(direct, Gateway::address),
            request: request(model, matches!(answer, Answer::Stream { .. }), body_bytes).into(),
            answer,
            script: self.script.clone(),
            epoch: self.epoch,
        })
    }

    /// Runs a case once, its clients dealt out among the gateways, whose times are added up; without any, straight to
    /// the mock.
    ///
    /// # Errors
    /// An answer was not the one expected.
    pub async fn run(&self, gateways: &[&Gateway], model: &str, case: &Case) -> anyhow::Result<Sample> {
        let client = |gateway| self.client(gateway, model, case.answer, case.body_bytes);
        let clients = match gateways {
            [] => vec![client(None)?],
            all => all.iter().map(|gateway| client(Some(gateway))).collect::<anyhow::Result<_>>()?,
        };
        let tally = Rc::new(RefCell::new(Tally::default()));
        let cpu = || {
            let each =
                gateways.iter().map(|gateway| Ok::<_, anyhow::Error>((gateway.cpu()?, gateway.ticks()?)));
            let sum = |a: Clock, b: Clock| (a.0 + b.0, (a.1.0 + b.1.0, a.1.1 + b.1.1));
            each.reduce(|sum_so_far, next| Ok(sum(sum_so_far?, next?))).transpose()
        };
        let clock = async {
            tokio::time::sleep(case.warm).await;
            let (cpu_before, began) = (cpu()?, Instant::now());
            tally.borrow_mut().restart();
            tokio::time::sleep(case.time).await;
            let used = cpu()?.zip(cpu_before).map(|(after, before)| Used::between(before, after));
            sample(case, &mut tally.borrow_mut(), began.elapsed(), used)
        };
        let sample = tokio::select! {
            result = load::run(&clients, case.connections, &tally, u64::MAX) => {
                result?;
                anyhow::bail!("the load ended by itself")
            }
            sample = clock => sample?,
        };
        for gateway in gateways {
            gateway.empty_log()?;
        }
        Ok(sample)
    }

    /// Sends `count` requests one after another.
    ///
    /// # Errors
    /// An answer was not the one expected.
    pub async fn send(
        &self,
        gateway: &Gateway,
        answer: Answer,
        body_bytes: usize,
        count: u64,
    ) -> anyhow::Result<()> {
        let client = self.client(Some(gateway), "assistant", answer, body_bytes)?;
        load::run(&[client], 1, &Rc::default(), count).await
    }

    /// Resident MiB of a gateway while it holds `streams` open streams.
    ///
    /// # Errors
    /// The streams did not all begin within 20 s.
    pub async fn memory(&self, gateway: &Gateway, streams: usize) -> anyhow::Result<f64> {
        let answer = Answer::Stream { events: 10_000, pace: Pace::ms(250) };
        let clients = [self.client(Some(gateway), "assistant", answer, 300)?];
        let tally = Rc::new(RefCell::new(Tally::default()));
        let look = async {
            while tally.borrow().open < streams {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // A few events each: buffers grow with the first ones.
            tokio::time::sleep(Duration::from_secs(1)).await;
            gateway.resident_mib()
        };
        tokio::select! {
            result = load::run(&clients, streams, &tally, 1) => {
                result?;
                anyhow::bail!("the streams ended by themselves")
            }
            mib = tokio::time::timeout(Duration::from_secs(20), look) => mib.context("the streams did not begin")?,
        }
    }
}

/// What a gateway took in a run.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// Seconds.
    cpu: f64,
    /// The share of the kernel.
    kernel: Option<f64>,
}

/// CPU time to the nanosecond, and ticks in the program and in the kernel.
type Clock = (Duration, (u64, u64));

impl Used {
    fn between((cpu, ticks): Clock, (cpu_after, ticks_after): Clock) -> Self {
        let (own, kernel) = (ticks_after.0.saturating_sub(ticks.0), ticks_after.1.saturating_sub(ticks.1));
        let all = own + kernel;
        Self {
            cpu: cpu_after.saturating_sub(cpu).as_secs_f64(),
            kernel: (all > 0).then(|| kernel as f64 / all as f64),
        }
    }
}

fn sample(case: &Case, tally: &mut Tally, elapsed: Duration, used: Option<Used>) -> anyhow::Result<Sample> {
    let units = match case.answer {
        Answer::Json => tally.answers as f64,
        // Long streams do not end in the time of a run; their parts count.
        Answer::Stream { .. } => tally.events as f64 / f64::from(case.answer.events()),
    };
    anyhow::ensure!(units > 0.0, "{}: nothing was answered", case.name);
    Ok(Sample {
        rate: units / elapsed.as_secs_f64(),
        cpu: used.map(|used| used.cpu * 1e6 / units),
        kernel: used.and_then(|used| Some(used.kernel? * used.cpu * 1e6 / units)),
        busy: used.map(|used| used.cpu / elapsed.as_secs_f64()),
        p50: tally.whole.percentile(0.5),
        p99: tally.whole.percentile(0.99),
        first: tally.first.percentile(0.5),
        lag: tally.lag.percentile(0.5),
        late: tally.lag.share_above(Duration::from_millis(35)),
    })
}
