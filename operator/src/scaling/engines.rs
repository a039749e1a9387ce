//! Which engines are asked when, and what they answered.

use crate::decide::observe::load::EngineLoad;
use crate::decide::scale::{Engines, Tokens};
use crate::model_deployment::build::port;
use crate::routing_policy::ObjectKey;
use flotilla_crds::{ModelDeployment, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Between two questions to an engine that works.
const BUSY: SignedDuration = SignedDuration::from_secs(5);
/// To one that did nothing since the last: thousands of models may be at rest.
const IDLE: SignedDuration = SignedDuration::from_secs(30);
/// To one that did not answer, or has no such metrics.
const FAILED: SignedDuration = SignedDuration::from_secs(60);
/// Rounds are as long apart as questions to an engine that works, but not to the millisecond.
const SLACK: SignedDuration = SignedDuration::from_millis(500);
/// How much later than it was due an answer may come before the one before it counts no more.
const LATE: SignedDuration = SignedDuration::from_secs(10);
/// Engines that are asked in one round; those that wait the longest come first.
const MOST: usize = 512;

/// An engine that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    /// Its pod, as `namespace/name`.
    pub pod: String,
    /// Its model.
    pub model: ObjectKey,
    /// Where its metrics are.
    pub address: SocketAddr,
    /// Whether it did not answer when it was asked last.
    pub was_silent: bool,
}

/// The last answers of every engine.
#[derive(Debug, Default)]
pub struct EngineReports(Mutex<HashMap<String, Engine>>);

#[derive(Debug)]
struct Engine {
    model: Arc<ObjectKey>,
    due: Timestamp,
    /// When the round began that it was asked in; before that, when it was first seen.
    asked: Timestamp,
    /// When it answered; before that, when it was first seen.
    at: Timestamp,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It was not asked yet.
    New,
    /// It answered; tokens per second since the answer before.
    Answered(EngineLoad, Tokens),
    /// It did not answer.
    Silent,
}

impl EngineReports {
    /// Forgets the engines that are gone, and says which are to be asked now: those that have waited the longest, and
    /// of them those that were silent last, so that they hold up nobody.
    pub fn due(&self, present: Vec<EngineAddress>, now: Timestamp) -> Vec<EngineAddress> {
        let mut engines = self.0.lock();
        let mut before = std::mem::take(&mut *engines);
        let mut due = Vec::new();
        for engine in present {
            let fresh = || {
                let model = Arc::new(engine.model.clone());
                Engine { model, due: now, asked: now, at: now, state: State::New }
            };
            let known = before.remove(&engine.pod).unwrap_or_else(fresh);
            let (since, was_silent) = (known.due, matches!(known.state, State::Silent));
            engines.insert(engine.pod.clone(), known);
            if since <= now + SLACK {
                due.push((since, EngineAddress { was_silent, ..engine }));
            }
        }
        due.sort_by_key(|(since, _)| *since);
        let mut round: Vec<_> = due.into_iter().take(MOST).map(|(_, engine)| engine).collect();
        round.sort_by_key(|engine| engine.was_silent);
        for engine in &round {
            if let Some(engine) = engines.get_mut(&engine.pod) {
                engine.asked = now;
            }
        }
        round
    }

    /// Takes an answer in; none if there was none.
    pub fn take(&self, pod: &str, load: Option<EngineLoad>, now: Timestamp) {
        let mut engines = self.0.lock();
        // It may be gone by now.
        let Some(engine) = engines.get_mut(pod) else { return };
        let Some(load) = load else {
            engine.state = State::Silent;
            engine.due = engine.asked + FAILED;
            return;
        };
        let served = match engine.state {
            State::Answered(before, _) => rate(&before, &load, now.duration_since(engine.at)),
            State::New | State::Silent => Tokens::default(),
        };
        let idle = idle(&load, served);
        engine.due = engine.asked + if idle { IDLE } else { BUSY };
        engine.at = now;
        engine.state = State::Answered(load, served);
    }

    /// Forgets every answer, so that all engines are asked at once.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// Whether no engine works, by the last answer of each.
    pub(super) fn quiet(&self) -> bool {
        self.0.lock().values().all(|engine| match engine.state {
            State::Answered(load, served) => idle(&load, served),
            State::New | State::Silent => true,
        })
    }

    /// The sum for each model. A model of which any engine is silent or late has none: what is missing is not zero.
    /// One that has just come counts as doing nothing until it had time to answer.
    pub fn sums(&self, now: Timestamp) -> HashMap<Arc<ObjectKey>, Engines> {
        let mut sums: HashMap<Arc<ObjectKey>, (bool, Option<Engines>)> = HashMap::new();
        for engine in self.0.lock().values() {
            let said = match engine.state {
                _ if now > engine.due + LATE => None,
                State::Answered(load, served) => {
                    Some(Engines { served, waiting: load.waiting, running: load.running })
                }
                State::New => Some(Engines::default()),
                State::Silent => None,
            };
            let (any, sum) = sums.entry(engine.model.clone()).or_insert((false, Some(Engines::default())));
            *any |= matches!(engine.state, State::Answered(..));
            *sum = sum.zip(said).map(|(sum, said)| sum.plus(&said));
        }
        sums.into_iter().filter_map(|(model, (any, sum))| Some((model, sum.filter(|_| any)?))).collect()
    }
}

/// Whether an engine does nothing, and did nothing since the answer before.
fn idle(load: &EngineLoad, served: Tokens) -> bool {
    load.running + load.waiting <= 0.0 && served.is_zero()
}

/// Tokens per second between two answers; counts that are lower than before began anew.
fn rate(before: &EngineLoad, after: &EngineLoad, passed: SignedDuration) -> Tokens {
    let grown = |before: f64, after: f64| if after < before { after } else { after - before };
    let tokens = Tokens::new(
        grown(before.prompt_tokens, after.prompt_tokens),
        grown(before.completion_tokens, after.completion_tokens),
    );
    tokens * (1.0 / passed.as_secs_f64().max(1.0))
}

/// The engines of all models with `spec.scaling` that serve.
pub fn engines(objects: &[Arc<DeserializeGuard<ModelDeployment>>], pods: &[Arc<Pod>]) -> Vec<EngineAddress> {
    let scaled = objects.iter().filter_map(|guard| guard.0.as_ref().ok());
    let scaled = scaled.filter(|object| object.spec.scaling.is_some());
    let ports: HashMap<ObjectKey, u16> =
        scaled.filter_map(|object| Some((ObjectKey::of(object), port(object)?))).collect();
    pods.iter().filter_map(|pod| engine(pod, &ports)).collect()
}

fn engine(pod: &Pod, ports: &HashMap<ObjectKey, u16>) -> Option<EngineAddress> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let serves = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    if !serves || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let ip: IpAddr = status.pod_ip.as_ref()?.parse().ok()?;
    let namespace = pod.metadata.namespace.clone()?;
    let name = pod.metadata.labels.as_ref()?.get(labels::MODEL_DEPLOYMENT)?.clone();
    let pod = format!("{namespace}/{}", pod.metadata.name.as_ref()?);
    let model = ObjectKey { namespace, name };
    let port = *ports.get(&model)?;
    Some(EngineAddress { pod, model, address: SocketAddr::new(ip, port), was_silent: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key() -> ObjectKey {
        ObjectKey { namespace: "apps".to_owned(), name: "llama".to_owned() }
    }

    fn pods(names: &[&str]) -> Vec<EngineAddress> {
        let engine = |name: &&str| EngineAddress {
            pod: format!("apps/{name}"),
            model: key(),
            address: "10.0.0.1:8080".parse().unwrap(),
            was_silent: false,
        };
        names.iter().map(engine).collect()
    }

    fn load(running: f64, tokens: f64) -> EngineLoad {
        EngineLoad { waiting: 0.0, running, prompt_tokens: tokens, completion_tokens: 0.0 }
    }

    fn prompt(reports: &EngineReports, second: i64) -> Option<f64> {
        reports.sums(at(second)).get(&key()).map(|sum| sum.served.prompt)
    }

    #[test]
    fn engines_that_work_are_asked_often_and_others_seldom() {
        let reports = EngineReports::default();
        let asked = |second| !reports.due(pods(&["a"]), at(second)).is_empty();
        assert!(asked(0));
        for (second, answer, next) in [
            (0, Some(load(1.0, 0.0)), 5),
            (5, Some(load(0.0, 100.0)), 10),
            (10, Some(load(0.0, 100.0)), 40),
            (40, None, 100),
            (100, Some(load(0.0, 100.0)), 130),
        ] {
            reports.take("apps/a", answer, at(second));
            assert!(!asked(next - 1) && asked(next), "after {second} s");
        }
    }

    #[test]
    fn an_answer_that_takes_a_while_does_not_leave_out_the_next_round() {
        let reports = EngineReports::default();
        let millis = |millis| Timestamp::from_millisecond(millis).unwrap();
        // Rounds are never quite five seconds apart.
        for round in [0, 5_003, 10_001, 15_002] {
            assert_eq!(reports.due(pods(&["a"]), millis(round)).len(), 1, "{round} ms");
            reports.take("apps/a", Some(load(1.0, 0.0)), millis(round + 800));
        }
        assert!(reports.due(pods(&["a"]), millis(18_000)).is_empty());
    }

    #[test]
    fn rates_are_of_all_replicas_and_counts_may_begin_anew() {
        let reports = EngineReports::default();
        reports.due(pods(&["a", "b"]), at(0));
        reports.take("apps/a", Some(load(1.0, 1000.0)), at(0));
        reports.take("apps/b", Some(load(1.0, 0.0)), at(0));
        assert_eq!(prompt(&reports, 0), Some(0.0), "what came before the first answer has no time");
        reports.take("apps/a", Some(load(1.0, 1500.0)), at(5));
        reports.take("apps/b", Some(load(1.0, 50.0)), at(5));
        assert_eq!(prompt(&reports, 5), Some(110.0));
        reports.take("apps/a", Some(load(1.0, 20.0)), at(10));
        assert_eq!(prompt(&reports, 10), Some(14.0));
        reports.due(pods(&["b"]), at(11));
        assert_eq!(prompt(&reports, 11), Some(10.0));
    }

    #[test]
    fn what_is_missing_is_not_zero() {
        let reports = EngineReports::default();
        assert_eq!(prompt(&reports, 0), None);
        reports.due(pods(&["a"]), at(0));
        assert_eq!(prompt(&reports, 0), None, "it was never asked");
        reports.take("apps/a", Some(load(1.0, 0.0)), at(0));
        reports.due(pods(&["a", "b"]), at(1));
        assert_eq!(prompt(&reports, 5), Some(0.0), "the second has just come");
        assert_eq!(prompt(&reports, 12), None, "it should have answered");
        reports.take("apps/b", Some(load(1.0, 0.0)), at(12));
        assert_eq!(prompt(&reports, 15), Some(0.0));
        reports.take("apps/b", None, at(14));
        assert_eq!(prompt(&reports, 15), None);
        reports.take("apps/b", Some(load(1.0, 0.0)), at(15));
        assert_eq!(prompt(&reports, 16), None, "and the first is late");
    }

    #[test]
    fn engines_are_quiet_while_none_works() {
        let reports = EngineReports::default();
        reports.due(pods(&["a", "b"]), at(0));
        assert!(reports.quiet());
        for (second, answer, quiet) in [
            (0, Some(load(0.0, 900.0)), true),
            (5, Some(load(1.0, 900.0)), false),
            (10, Some(load(0.0, 950.0)), false),
            (15, Some(load(0.0, 950.0)), true),
            (45, None, true),
        ] {
            reports.take("apps/a", answer, at(second));
            assert_eq!(reports.quiet(), quiet, "second {second}");
        }
    }

    #[test]
    fn a_round_is_bounded_and_nobody_is_left_out() {
        let names: Vec<String> = (0..MOST + 10).map(|nth| nth.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let reports = EngineReports::default();
        let first = reports.due(pods(&names), at(0));
        assert_eq!(first.len(), MOST);
        for engine in &first {
            reports.take(&engine.pod, Some(load(0.0, 0.0)), at(0));
        }
        let rest = reports.due(pods(&names), at(5));
        assert_eq!(rest.len(), 10);
        assert!(rest.iter().all(|engine| !first.contains(engine)));
    }

    #[test]
    fn one_that_was_silent_is_asked_again_however_many_work() {
        let names: Vec<String> = (0..=MOST).map(|nth| nth.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let reports = EngineReports::default();
        reports.due(pods(&names), at(0));
        reports.take("apps/0", None, at(0));
        let mut asked_again = false;
        for second in (0..=70).step_by(5) {
            for engine in reports.due(pods(&names), at(second)) {
                asked_again |= engine.was_silent;
                reports.take(&engine.pod, Some(load(1.0, 0.0)), at(second));
            }
        }
        assert!(asked_again);
    }

    #[test]
    fn those_that_were_silent_are_asked_last() {
        let reports = EngineReports::default();
        reports.due(pods(&["a", "b", "c"]), at(0));
        reports.take("apps/a", None, at(0));
        reports.take("apps/b", Some(load(0.0, 0.0)), at(40));
        reports.take("apps/c", None, at(1));
        let due = reports.due(pods(&["a", "b", "c"]), at(90));
        let due: Vec<_> = due.iter().map(|engine| (engine.pod.as_str(), engine.was_silent)).collect();
        assert_eq!(due, [("apps/b", false), ("apps/a", true), ("apps/c", true)]);
    }

    #[allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
    fn found(scaling: Value, ready: &str, ip: Option<&str>) -> Vec<EngineAddress> {
        let object = serde_json::from_value(json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "llama", "namespace": "apps"},
            "spec": {"model": {}, "engine": {"type": "Custom", "port": 8000}, "scaling": scaling},
        }))
        .unwrap();
        let pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "apps", "labels": {labels::MODEL_DEPLOYMENT: "llama"}},
            "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap();
        engines(&[Arc::new(DeserializeGuard(Ok(object)))], &[Arc::new(pod)])
    }

    #[test]
    fn engines_of_scaled_models_that_serve_are_asked_at_their_port() {
        let scaling = || json!({"maxReplicas": 1});
        let address: Vec<_> = found(scaling(), "True", Some("10.0.0.7"))
            .iter()
            .map(|engine| engine.address.to_string())
            .collect();
        assert_eq!(address, ["10.0.0.7:8000"]);
        assert_eq!(found(Value::Null, "True", Some("10.0.0.7")), []);
        assert_eq!(found(scaling(), "False", Some("10.0.0.7")), []);
        assert_eq!(found(scaling(), "True", None), []);
    }
}
