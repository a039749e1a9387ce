use super::*;
use crate::route::Dice;
use crate::snapshot::Load;
use std::sync::Arc;

fn endpoints(count: usize) -> (Vec<Endpoint>, Memory) {
    let uri = |i| format!("http://10.0.0.{i}:80/v1/chat/completions").parse().unwrap();
    let endpoint = |i| Endpoint {
        chat: uri(i),
        embeddings: None,
        pool: None,
        id: 100 + i as u64,
        load: Arc::new(Load::default()),
        health: Arc::default(),
    };
    let endpoints: Vec<_> = (0..count).map(endpoint).collect();
    let memory = Memory::new(endpoints.iter().map(|e| e.id));
    (endpoints, memory)
}

fn ask(prompt: &str, session: Option<u64>, adapter: Option<u64>) -> Ask {
    let prompt_tokens = u32::try_from(prompt.len() / 4).unwrap();
    Ask { prompt_tokens, session, prefix: Prefix::of(prompt.as_bytes()), adapter }
}

/// How often each endpoint is chosen in a thousand rolls.
fn counts(endpoints: &[Endpoint], memory: &Memory, ask: &Ask, tried: &[usize]) -> Vec<usize> {
    let dice = Dice::starting_at(1);
    let now = Instant::now();
    let mut counts = vec![0; endpoints.len()];
    for _ in 0..1000 {
        counts[choose(endpoints, ask, memory, tried, dice.roll(), now).unwrap()] += 1;
    }
    counts
}

fn eject(endpoint: &Endpoint, seconds: u64) {
    let rest = crate::upstream::Failure::RateLimited(Some(std::time::Duration::from_secs(seconds)));
    let rules = crate::route::EjectionRules {
        consecutive_failures: 1,
        failure_percent: 0,
        min_requests: 1,
        base: std::time::Duration::from_secs(1),
        max: std::time::Duration::from_secs(1),
    };
    let now = Instant::now();
    endpoint.health.failed(now, now, rest.blame(false), &rules);
}

#[test]
fn the_loaded_one_of_two_is_left_alone() {
    let (two, memory) = endpoints(2);
    let _long = two[0].load.start(10_000);
    let _short = (two[1].load.start(10), two[1].load.start(10));
    assert_eq!(counts(&two, &memory, &ask("", None, None), &[]), [0, 1000]);
}

#[test]
fn every_endpoint_gets_its_share_and_the_failed_one_none() {
    let (five, memory) = endpoints(5);
    let counts = counts(&five, &memory, &ask("", None, None), &[2]);
    assert_eq!(counts[2], 0);
    assert!(counts.iter().enumerate().all(|(i, n)| i == 2 || (180..330).contains(n)), "{counts:?}");
}

#[test]
fn without_another_there_is_none() {
    let none = ask("", None, None);
    let place = |count, tried: &[usize]| {
        let (endpoints, memory) = endpoints(count);
        choose(&endpoints, &none, &memory, tried, 1, Instant::now())
    };
    assert_eq!((place(0, &[]), place(1, &[0]), place(2, &[1, 0])), (None, None, None));
    assert_eq!((place(1, &[]), place(2, &[0]), place(3, &[2, 0])), (Some(0), Some(1), Some(1)));
}

#[test]
fn a_prompt_goes_where_its_beginning_was_until_the_queue_there_costs_more() {
    let (many, memory) = endpoints(50);
    // About 2,000 tokens of system prompt.
    let system = "You are a helpful assistant. ".repeat(280);
    memory.remember(&ask(&format!("{system}first question"), None, None), many[17].id);
    let next = ask(&format!("{system}second question"), None, None);
    let there = |counts: Vec<usize>| counts[17];
    assert_eq!(there(counts(&many, &memory, &next, &[])), 1000);
    let queue = many[17].load.start(1500);
    assert_eq!(there(counts(&many, &memory, &next, &[])), 1000);
    let _more = many[17].load.start(1000);
    assert_eq!(there(counts(&many, &memory, &next, &[])), 0);
    drop(queue);
    assert_eq!(there(counts(&many, &memory, &next, &[])), 1000);
    // Another prompt has no reason to go there.
    assert!(there(counts(&many, &memory, &ask(&"x".repeat(8000), None, None), &[])) < 100);
}

#[test]
fn a_session_stays_and_gives_way_to_load() {
    let (many, memory) = endpoints(20);
    let turn = ask(&"a".repeat(400), Some(7), None);
    memory.remember(&turn, many[3].id);
    assert_eq!(counts(&many, &memory, &turn, &[])[3], 1000);
    let _busy = many[3].load.start(101);
    assert_eq!(counts(&many, &memory, &turn, &[])[3], 0);
    assert!(counts(&many, &memory, &ask("", Some(8), None), &[])[3] < 1000);
}

#[test]
fn an_adapter_goes_where_it_is_loaded() {
    let (many, memory) = endpoints(20);
    let legal = ask("", None, Some(1));
    memory.remember(&legal, many[4].id);
    assert_eq!(counts(&many, &memory, &legal, &[])[4], 1000);
    assert!(counts(&many, &memory, &ask("", None, Some(2)), &[])[4] < 200);
}

#[test]
fn what_is_left_alone_is_used_only_if_all_are_and_then_the_soonest() {
    let (three, memory) = endpoints(3);
    let turn = ask("", Some(7), None);
    memory.remember(&turn, three[0].id);
    eject(&three[0], 30);
    assert_eq!(counts(&three, &memory, &turn, &[])[0], 0, "affinity does not lead to what is left alone");
    eject(&three[1], 10);
    assert_eq!(counts(&three, &memory, &turn, &[]), [0, 0, 1000], "both random choices may rest");
    eject(&three[2], 20);
    assert_eq!(counts(&three, &memory, &turn, &[]), [0, 1000, 0]);
}

#[test]
fn tokens_under_way_end_with_their_guard() {
    let (one, _) = endpoints(1);
    let guard = one[0].load.start(300);
    assert_eq!((one[0].load.in_flight(), one[0].load.outstanding()), (1, 300));
    drop(guard);
    assert_eq!((one[0].load.in_flight(), one[0].load.outstanding()), (0, 0));
}
