//! The figures as a page, and the goals beside them.

use crate::gateway::Kind;
use crate::guards;
use crate::measure::Sample;
use crate::stats::median;
use crate::suite::{ALONE, AWAKE, CaseResult, LARGE, Results, SMALL, STREAM, STREAMS};
use crate::traffic::Answer;
use std::fmt::Write as _;

/// What, how much, whether that is enough, and what is wanted.
type Goal = (&'static str, Option<f64>, fn(f64) -> bool, &'static str);
/// One figure of a sample.
type Get = fn(&Sample) -> Option<f64>;

const RATE: Get = |sample| Some(sample.rate);
const CPU: Get = |sample| sample.cpu;
const PER_CORE: Get = |sample| sample.cpu.map(|cpu| 1e6 / cpu);
const KERNEL: Get = |sample| sample.kernel;
const P50: Get = |sample| sample.p50;

impl CaseResult {
    fn samples(&self, who: Option<Kind>) -> &[Sample] {
        self.series.iter().find(|series| series.who == who).map_or(&[], |series| &series.samples)
    }

    fn median(&self, who: Option<Kind>, get: Get) -> Option<f64> {
        median(self.samples(who).iter().filter_map(get))
    }

    /// The median of a figure's ratio to another's, round by round: both met the same machine.
    fn ratio(&self, who: Option<Kind>, to: Option<Kind>, get: Get) -> Option<f64> {
        let pairs = self.samples(who).iter().zip(self.samples(to));
        median(pairs.filter_map(|(a, b)| Some(get(a)? / get(b)?)))
    }

    /// The median of what a figure is more than another's.
    fn added(&self, who: Option<Kind>, to: Option<Kind>, get: Get) -> Option<f64> {
        let pairs = self.samples(who).iter().zip(self.samples(to));
        median(pairs.filter_map(|(a, b)| Some(get(a)? - get(b)?)))
    }
}

impl Results {
    fn case(&self, name: &str) -> Option<&CaseResult> {
        self.cases.iter().find(|result| result.case.name == name)
    }

    /// The page, in Markdown.
    pub fn page(&self, facts: &[String]) -> String {
        let mut page = String::from(INTRODUCTION);
        for fact in facts {
            page.push_str("- ");
            page.push_str(fact);
            page.push('\n');
        }
        if !self.absent.is_empty() {
            let _ = writeln!(page, "- asked for, but not installed here: {}", self.absent.join(", "));
        }
        page.push_str("\n## Goals\n\n");
        page.push_str(&self.goals());
        page.push_str("\n## Answers in one piece\n");
        for result in self.cases.iter().filter(|r| r.case.answer == Answer::Json) {
            page.push_str(&json_table(result));
        }
        page.push_str("\n## Streams\n");
        for result in self.cases.iter().filter(|r| r.case.answer != Answer::Json) {
            page.push_str(&stream_table(result));
        }
        page.push_str(&self.others());
        page.push_str(REST);
        page
    }

    fn goals(&self) -> String {
        let router = Some(Kind::Router);
        let nginx = Some(Kind::Nginx);
        let ratio = |case: &str, get: Get| self.case(case).and_then(|c| c.ratio(router, nginx, get));
        let memory = self.memory.iter().find(|(kind, ..)| *kind == Kind::Router);
        // Above direct: what else the machine does delays events as well.
        let late = self.cases.iter().filter_map(|c| c.added(router, None, |s| s.lag.map(|_| s.late)));
        let late = late.fold(0.0, f64::max);
        let growth = |what: &str| {
            let base = self.scaling.first()?;
            let other = self.scaling.iter().find(|s| s.what.contains(what))?;
            median(other.samples.iter().zip(&base.samples).filter_map(|(a, b)| Some(a.cpu? / b.cpu?)))
        };
        let added = |case: &str| self.case(case).and_then(|c| c.added(router, None, P50));
        let rows: [Goal; 11] = [
            (
                "Requests per core second beside nginx, 300 B",
                ratio(SMALL, PER_CORE),
                |v| v >= 1.0,
                "at least 1",
            ),
            ("CPU per request beside nginx, 300 B", ratio(SMALL, CPU), |v| v <= 2.0, "at most 2"),
            (
                "Streams of 20 events per core second beside nginx",
                ratio(STREAM, PER_CORE),
                |v| v >= 0.5,
                "at least 0.5",
            ),
            ("Median added to a request, µs", added(ALONE), |v| v < 150.0, "under 150"),
            ("The same, cores kept awake, µs", added(AWAKE), |v| v < 150.0, "under 150"),
            (
                "Share of paced events later than 35 ms, above direct",
                Some(late),
                |v| v < 0.005,
                "no 40 ms mode",
            ),
            ("Resident MiB, idle", memory.map(|m| m.1), |v| v < 20.0, "under 20"),
            ("Resident MiB, 1,000 open streams", memory.map(|m| m.2), |v| v < 60.0, "under 60"),
            ("CPU per request, 1,000 models : 1", growth("1,000 models"), |v| v < 1.1, "flat"),
            ("CPU per request, 1,000 endpoints : 1", growth("router, 1,000 endpoints"), |v| v < 1.1, "flat"),
            ("CPU for a 200 KB prompt beside nginx", ratio(LARGE, CPU), |v| v <= 2.0, "at most 2"),
        ];
        let mut table = String::from("| | measured | goal | reached |\n|---|---:|---|---|\n");
        for (what, value, reached, goal) in rows {
            let reached = if value.is_some_and(reached) { "yes" } else { "**no**" };
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {what} | {} | {goal} | {reached} |", figure(value, 2));
        }
        table
    }

    fn others(&self) -> String {
        let mut text = String::from(
            "\n## 1 and 1,000\n\n300 B bodies, 32 clients, CPU microseconds per request. nginx shows what a thousand \
             connections cost by themselves.\n\n| | CPU µs |\n|---|---:|\n",
        );
        for scaling in &self.scaling {
            let cpu = median(scaling.samples.iter().filter_map(|s| s.cpu));
            let _ = writeln!(text, "| {} | {} |", scaling.what, figure(cpu, 1));
        }
        let _ = writeln!(
            text,
            "\n## Resident memory\n\n| | idle, MiB | {STREAMS} open streams, MiB |\n|---|---:|---:|"
        );
        for (kind, idle, streams) in &self.memory {
            let _ = writeln!(text, "| {} | {idle:.1} | {streams:.1} |", kind.name());
        }
        text.push_str(&guards::table(&self.guards));
        text.push_str("\n## Instructions of flotilla-router per request\n\nCounted by callgrind; the kernel's are not in it. Every event of the stream comes by itself.\n\n| | instructions |\n|---|---:|\n");
        for (name, count) in &self.instructions {
            let count = count.map_or("valgrind is not installed".to_owned(), |n| n.to_string());
            let _ = writeln!(text, "| {name} | {count} |");
        }
        text
    }
}

fn json_table(result: &CaseResult) -> String {
    let mut table = format!(
        "\n### {}\n\n| | requests/s | core busy | requests per core second | p50 µs | p99 µs | CPU µs/request | of it kernel | CPU : nginx |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        result.case.name
    );
    for series in &result.series {
        let get = |get: Get| result.median(series.who, get);
        let who = series.who.map_or("direct", Kind::name);
        let _ = writeln!(
            table,
            "| {who} | {} | {} | {} | {} | {} | {} | {} | {} |",
            figure(get(RATE), 0),
            percent(get(|s| s.busy)),
            figure(get(PER_CORE), 0),
            figure(get(P50), 0),
            figure(get(|s| s.p99), 0),
            figure(get(CPU), 1),
            figure(get(KERNEL), 1),
            figure(result.ratio(series.who, Some(Kind::Nginx), CPU), 2),
        );
    }
    table
}

fn stream_table(result: &CaseResult) -> String {
    let mut table = format!(
        "\n### {}\n\n| | streams/s | core busy | streams per core second | CPU µs/stream | CPU : nginx | first event p50 µs | event delay p50 µs | later than 35 ms |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        result.case.name
    );
    for series in &result.series {
        let get = |get: Get| result.median(series.who, get);
        let who = series.who.map_or("direct", Kind::name);
        let late = get(|s| s.lag.map(|_| s.late));
        let _ = writeln!(
            table,
            "| {who} | {} | {} | {} | {} | {} | {} | {} | {} |",
            figure(get(RATE), 0),
            percent(get(|s| s.busy)),
            figure(get(PER_CORE), 0),
            figure(get(CPU), 1),
            figure(result.ratio(series.who, Some(Kind::Nginx), CPU), 2),
            figure(get(|s| s.first), 0),
            figure(get(|s| s.lag), 0),
            percent(late),
        );
    }
    table
}

pub(crate) fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0))
}

const REST: &str = "
## What a request costs, and where

*Of it kernel* is the time of system calls: epoll, reads and writes of two connections, and the loopback's TCP, which
runs inside of the write. Every gateway makes the same calls for a request of 300 B, so this part is about the same for
all of them and is the floor of any proxy on sockets; what is above it is the program's own. nginx is little more than
the floor. The plain proxy of the libraries that the router is made with is the floor of these: its own part is mostly
hyper reading heads into maps of headers and writing them out again.

With 1,000 endpoints a request meets a connection that has been idle for a thousand requests, whose state in the
kernel is in no cache any more; nginx pays for the same. The router itself compares a handful of them, however many
there are, as long as these are well: its instructions are in the table above.
";

const INTRODUCTION: &str = "\
# Performance

Written by `make bench`; the figures are of one run on one machine. Load generator and mock engine share one core,
the gateway has the other to itself, all on loopback. Every gateway takes its turn in every round, and figures are
medians of rounds; ratios are medians of each round's ratio. The machine may do other things at the same time, which
moves rates and delays, and CPU times less. *Requests per core second* are requests by CPU time of the gateway: what
its core could do with nothing else in the way.

A request that is alone finds the cores halted at every step of its way; to wake a halted virtual core takes longer than
any gateway takes for it. So the case with one client is run once more with a process that spins on each core in the
scheduler's idle class: it makes way at once, and no core halts.

The load keeps its connections and sends what the official Python client sends. The engine writes every event of a
stream by itself, and one event of each stream before the next of any, as an engine does that decodes a batch.
nginx runs one worker without buffering of answers, HAProxy one thread. flotilla-router runs one worker with all that
it has: metrics, a policy with data classes, three rules, weights 95/5, a fallback, prices and two budgets (one in
dollars, one in tokens), and a decision record logged per request. Usage chunks are asked for in every stream, read,
and taken out again. Of the others only \"nginx, access log\" writes anything per request: peers log warnings only. Those
that balance engines have one engine, in turns, and whatever else they do by default, metrics among it.

";
