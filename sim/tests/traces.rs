//! Short pieces of real traces and made-up demand, through every rule.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use flotilla_operator::decide::scale::Policy;
use flotilla_sim::compare::{Asked, CompareError, Comparison, Row, compare};
use flotilla_sim::engine::Machine;
use flotilla_sim::report;
use flotilla_sim::trace::{Trace, read};

const AZURE: &str = include_str!("fixtures/azure_code_400.csv");
const SERVEGEN: &str = include_str!("fixtures/servegen_m_small_2h.csv");

fn run(trace: &Trace, machine: Machine, rules: &[&str]) -> Comparison {
    let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
    compare(trace, &Asked { machine, policy: Policy::default(), prior: 1.0, rules: &rules, tuning: None })
        .unwrap()
}

fn slow() -> Machine {
    Machine {
        prompt_tokens_per_second: 1000.0,
        sequence_tokens_per_second: 20.0,
        slots: 8,
        ..Machine::default()
    }
}

fn row<'a>(comparison: &'a Comparison, rule: &str) -> &'a Row {
    comparison.rows.iter().find(|row| row.rule == rule).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_result_to_the_last_digit() {
    let once = || {
        let trace = read(SERVEGEN, 0.005, 3).unwrap();
        report::json(&run(&trace, Machine::default(), &["flotilla", "kpa"])).to_string()
    };
    assert_eq!(once(), once());
}

#[test]
fn every_rule_answers_every_request_of_a_real_trace() {
    let trace = read(AZURE, 1.0, 1).unwrap();
    let comparison = run(&trace, Machine::default(), &[]);
    assert_eq!(comparison.rows.len(), 7);
    for row in &comparison.rows {
        assert_eq!(row.outcome.requests(), 400, "{}", row.rule);
        assert!(row.outcome.gpu_hours() > 0.0, "{}", row.rule);
    }
    let table = report::table(&comparison);
    assert!(comparison.rows.iter().all(|row| table.contains(&format!("| {} |", row.rule))), "{table}");
    assert!(report::plot(&comparison).trim_end().ends_with("</svg>"));
}

#[test]
fn who_knows_the_future_is_on_time_at_no_more_gpu_hours() {
    let trace = read(SERVEGEN, 0.01, 1).unwrap();
    let comparison = run(&trace, slow(), &["oracle", "flotilla"]);
    let (oracle, flotilla) = (row(&comparison, "oracle"), row(&comparison, "flotilla"));
    assert!(oracle.attains && oracle.outcome.gpu_hours() <= flotilla.outcome.gpu_hours());
    assert_eq!(flotilla.outcome.flaps(), 0);
}

#[test]
fn who_knows_the_rates_is_between_who_knows_all_and_who_sees_what_comes() {
    let trace = read(SERVEGEN, 0.01, 1).unwrap();
    let comparison = run(&trace, slow(), &["oracle", "forecast", "flotilla"]);
    let [oracle, forecast, flotilla] =
        ["oracle", "forecast", "flotilla"].map(|rule| row(&comparison, rule).outcome.gpu_hours());
    assert!(row(&comparison, "forecast").attains);
    assert!(oracle <= forecast && forecast < flotilla, "{oracle}, {forecast}, {flotilla}");
    let requests = run(&read(AZURE, 1.0, 1).unwrap(), slow(), &["forecast"]);
    assert!(requests.rows.iter().all(|row| row.rule != "forecast"), "requests of a log have no rates");
}

#[test]
fn targets_are_those_of_the_trace_on_which_they_were_looked_for() {
    let (here, elsewhere) = (read(AZURE, 1.0, 1).unwrap(), read(SERVEGEN, 0.002, 1).unwrap());
    let rules = ["hpa", "kubeai"].map(str::to_owned);
    let tuned = |trace, tuning| {
        let policy = Policy::default();
        let asked = Asked { machine: slow(), policy, prior: 1.0, rules: &rules, tuning };
        compare(trace, &asked).unwrap()
    };
    let targets = |of: &Comparison| ["hpa", "kubeai"].map(|rule| row(of, rule).target.to_string());
    let (own, others) = (tuned(&here, None), tuned(&elsewhere, None));
    assert_ne!(targets(&own), targets(&others), "else it would say nothing");
    let apart = tuned(&here, Some(&elsewhere));
    assert_eq!(targets(&apart), targets(&others));
    assert_eq!(row(&apart, "hpa").outcome.requests(), 400, "on this trace all the same");
    assert_eq!(report::json(&tuned(&here, Some(&here))), report::json(&own));
}

#[test]
fn rules_that_are_none_are_named() {
    let trace = read(AZURE, 1.0, 1).unwrap();
    let asked = Asked {
        machine: Machine::default(),
        policy: Policy::default(),
        prior: 1.0,
        rules: &["magic".to_owned()],
        tuning: None,
    };
    assert!(matches!(compare(&trace, &asked), Err(CompareError::UnknownRule(name)) if name == "magic"));
}
