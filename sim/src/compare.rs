//! All rules on one trace.

use crate::engine::{Machine, simulate};
use crate::oracle;
use crate::outcome::Outcome;
use crate::rule::{Flotilla, RIVALS, Rival, Setting};
use crate::trace::Trace;
use flotilla_operator::decide::scale::Policy;

/// The attainment that is aimed at.
pub const GOAL: f64 = 0.99;
/// Targets of which each rule of another project gets the one that suits it best on the trace, as factors on what a
/// replica that is always busy has.
const TARGETS: [f64; 8] = [2.0, 1.4, 1.0, 0.85, 0.7, 0.5, 0.35, 0.25];
/// Replicas that are there at the start are this busy with what comes in the first minute.
const AT_FIRST: f64 = 0.7;
/// Seconds that the number of replicas at the start follows from.
const FIRST: usize = 60;

/// One rule.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub rule: &'static str,
    /// The target that it had.
    pub target: f64,
    /// Whether it attains what it is compared at.
    pub attains: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// Every rule that was asked for.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What serves.
    pub machine: Machine,
    /// Replicas that the trace keeps busy, on average.
    pub busy: f64,
    /// Seconds of the trace.
    pub seconds: u64,
    /// Those who know the future first, then Flotilla, then the others.
    pub rows: Vec<Row>,
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// What serves.
    pub machine: Machine,
    /// Flotilla's policy.
    pub policy: Policy,
    /// How far off its first belief in capacity is.
    pub prior: f64,
    /// Rules by name; none means all.
    pub rules: &'a [String],
    /// Where the targets of the other projects' rules are looked for, in place of the trace itself.
    pub tuning: Option<&'a Trace>,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A rule that is none.
    #[error("{0:?} is no rule: there are oracle, forecast, flotilla, kubeai, hpa, keda, wva and kpa")]
    UnknownRule(String),
    /// Rates of nothing.
    #[error("a replica must be able to read and write")]
    Machine,
}

/// Runs every rule on the trace.
///
/// # Errors
/// A rule or a machine that cannot be.
pub fn compare(trace: &Trace, asked: &Asked<'_>) -> Result<Comparison, CompareError> {
    let known = |name: &str| {
        ["oracle", "forecast", "flotilla"].contains(&name) || RIVALS.iter().any(|rival| rival.name == name)
    };
    if let Some(unknown) = asked.rules.iter().find(|name| !known(name)) {
        return Err(CompareError::UnknownRule(unknown.clone()));
    }
    let wanted = |name: &str| asked.rules.is_empty() || asked.rules.iter().any(|rule| rule == name);
    let work = oracle::work(trace, &asked.machine);
    let bench = Bench::new(trace, asked.machine, &work);

    let mut rows = Vec::new();
    let knows = wanted("oracle") || wanted("forecast");
    let expected = oracle::expected(trace, &asked.machine).filter(|_| knows);
    let forecast =
        expected.map(|expected| bench.planned("forecast", &expected, &[1], &oracle::FORECAST_UTILIZATIONS));
    if wanted("oracle") {
        let own = bench.planned("oracle", &work, &oracle::SMOOTHINGS, &oracle::UTILIZATIONS);
        // Who knows every request knows the rates, too.
        let of_rates = forecast.clone().map(|row| Row { rule: "oracle", ..row });
        rows.push(of_rates.into_iter().fold(own, |own, row| better(Some(own), row)));
    }
    rows.extend(forecast.filter(|_| wanted("forecast")));
    let target = asked.policy.target_utilization;
    let outcome = bench.flotilla(asked)?;
    let least = outcome.attainment();
    rows.push(Row { rule: "flotilla", target, attains: least >= GOAL, outcome });
    let tuning =
        asked.tuning.map(|trace| Bench::new(trace, asked.machine, &oracle::work(trace, &asked.machine)));
    let tuning = tuning.map(|bench| Ok((bench.flotilla(asked)?.attainment(), bench))).transpose()?;
    for rival in RIVALS.iter().filter(|rival| wanted(rival.name)) {
        rows.push(match &tuning {
            Some((there, tuning)) => {
                let found = tuning.rival(rival, *there).target;
                bench.tried(rival, Setting { target: found, ..tuning.setting }, least)
            }
            None => bench.rival(rival, least),
        });
    }
    let busy = work.iter().sum::<f64>() / work.len().max(1) as f64;
    Ok(Comparison { machine: asked.machine, busy, seconds: trace.seconds(), rows })
}

fn first_replicas(work: &[f64]) -> u32 {
    let first = work.get(..FIRST.min(work.len())).unwrap_or_default();
    let busy = first.iter().sum::<f64>() / first.len().max(1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let replicas = (busy / AT_FIRST).ceil() as u32;
    replicas.max(1)
}

/// What a replica that is always busy has, by Little's law from the mean request.
fn setting(trace: &Trace, machine: Machine) -> Setting {
    let (mut count, mut prompt, mut completion) = (0.0, 0.0, 0.0);
    for arrival in trace.arrivals() {
        count += 1.0;
        prompt += f64::from(arrival.prompt);
        completion += f64::from(arrival.completion);
    }
    let (prompt, completion) = (prompt / count, completion / count);
    let rate = 1.0 / machine.work(prompt, completion);
    let stay = prompt / machine.prompt_tokens_per_second + completion / machine.sequence_tokens_per_second;
    Setting {
        machine,
        requests_per_replica: (rate * stay).min(f64::from(machine.slots)),
        completions_per_replica: rate * completion,
        target: 1.0,
    }
}

/// A trace, and what is the same for every rule on it.
struct Bench<'a> {
    trace: &'a Trace,
    machine: Machine,
    /// That there are at the start.
    replicas: u32,
    setting: Setting,
}

impl<'a> Bench<'a> {
    fn new(trace: &'a Trace, machine: Machine, work: &[f64]) -> Self {
        Self { trace, machine, replicas: first_replicas(work), setting: setting(trace, machine) }
    }

    fn flotilla(&self, asked: &Asked<'_>) -> Result<Outcome, CompareError> {
        let mut rule =
            Flotilla::new(asked.policy.clone(), &self.machine, asked.prior).ok_or(CompareError::Machine)?;
        Ok(simulate(self.trace, self.machine, self.replicas, &mut rule))
    }

    /// The cheapest plan that attains enough.
    fn planned(&self, rule: &'static str, work: &[f64], smoothings: &[usize], utilizations: &[f64]) -> Row {
        let mut best: Option<Row> = None;
        for smoothing in smoothings {
            for target in utilizations.iter().copied() {
                let mut plan = oracle::plan(work, &self.machine, target, *smoothing);
                // Who knows the future begins with what it needs.
                let first = plan.0.first().copied().unwrap_or(self.replicas);
                let outcome = simulate(self.trace, self.machine, first, &mut plan);
                let row = Row { rule, target, attains: outcome.attainment() >= GOAL, outcome };
                let enough = row.attains;
                best = Some(better(best, row));
                if enough {
                    break;
                }
            }
        }
        best.unwrap_or_else(|| Row { rule, target: 0.0, attains: false, outcome: Outcome::default() })
    }

    /// The rule with this target, and whether it attains as much.
    fn tried(&self, rival: &Rival, setting: Setting, least: f64) -> Row {
        let target = setting.target;
        let outcome = simulate(self.trace, self.machine, self.replicas, (rival.new)(setting).as_mut());
        Row { rule: rival.name, target, attains: outcome.attainment() >= least, outcome }
    }

    /// With the target that suits it best.
    fn rival(&self, rival: &Rival, least: f64) -> Row {
        let mut best: Option<Row> = None;
        for target in TARGETS {
            let row = self.tried(rival, Setting { target, ..self.setting }, least);
            let attains = row.attains;
            best = Some(better(best, row));
            if attains {
                break;
            }
        }
        best.unwrap_or_else(|| Row {
            rule: rival.name,
            target: 0.0,
            attains: false,
            outcome: Outcome::default(),
        })
    }
}

/// The cheaper of those that attain enough, else the one that attains more.
fn better(best: Option<Row>, row: Row) -> Row {
    let Some(best) = best else { return row };
    let better = match (best.attains, row.attains) {
        (true, true) => row.outcome.gpu_hours() < best.outcome.gpu_hours(),
        (false, false) => row.outcome.attainment() > best.outcome.attainment(),
        (had, has) => has && !had,
    };
    if better { row } else { best }
}
