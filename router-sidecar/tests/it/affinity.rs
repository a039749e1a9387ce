//! Requests that belong together go to one pod of a fleet, unless it is busy or broken.

use crate::rig::{Rig, ask, engine, fleet};
use flotilla_e2e::provider::{Fault, Provider, Script};

/// All requests here are streams: their end is told after the router has settled them, so that the next one finds
/// nothing under way.
async fn pods() -> (Vec<Provider>, Rig) {
    let pods = vec![engine().await, engine().await, engine().await, engine().await];
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let backend = fleet("fleet", &addresses);
    let rig = Rig::start(&format!("backends:\n{backend}\ndefault: {{backends: [{{name: fleet}}]}}")).await;
    (pods, rig)
}

fn served(pods: &[Provider]) -> Vec<u64> {
    let mut served: Vec<_> = pods.iter().map(|pod| pod.seen().requests).collect();
    served.sort_unstable();
    served
}

#[tokio::test]
async fn a_session_and_a_long_prompt_each_stay_at_one_pod() {
    let (pods, rig) = pods().await;
    for _ in 0..20 {
        rig.chat_with(&[("x-session-id", "alice")], ask("hi", true)).await;
    }
    assert_eq!(served(&pods), [0, 0, 0, 20]);
    let (pods, rig) = self::pods().await;
    let system = "Answer in verse. ".repeat(300);
    for question in 0..20 {
        rig.chat(ask(&format!("{system} Question {question}"), true)).await;
    }
    assert_eq!(served(&pods), [0, 0, 0, 20]);
}

#[tokio::test]
async fn a_session_whose_pod_breaks_moves_on_and_stays_there() {
    let (pods, rig) = pods().await;
    let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("hi", true));
    turn().await;
    let home = pods.iter().find(|pod| pod.seen().requests == 1).unwrap();
    home.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    for _ in 0..10 {
        assert_eq!(turn().await.status, 200);
    }
    assert_eq!(served(&pods), [0, 0, 2, 10]);
}
