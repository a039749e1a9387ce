//! What models cost, as their statuses have it.

use super::bench::{Bench, capacity, object};
use crate::decide::placement::testing::{inventory, node};
use flotilla_crds::model_deployment::{EconomicsStatus, ScalingStatus};
use flotilla_crds::router_config::BackendDemand;
use serde_json::json;
use std::sync::Arc;

#[test]
fn what_a_model_costs_is_told_beside_what_it_would_cost_outside() {
    let scaling = json!({"maxReplicas": 1, "gpuHourlyPrice": "0.60", "replicaCapacity": capacity()});
    let mut bench =
        Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1).compared("llama");
    for _ in 0..125 {
        bench.served += 1000;
        bench.second("llama", 50, 1);
    }
    let costs = bench.board.status(bench.object("llama")).unwrap().economics.unwrap();
    assert_eq!((costs.hourly_cost.as_str(), costs.price_source.as_str()), ("0.60", "spec"));
    // 1,000 prompt tokens a second: 3.6 million for 0.60 USD, and 3.60 USD outside.
    assert_eq!(costs.cost_per_million_tokens.as_deref(), Some("0.1667"));
    assert_eq!(costs.external_cost_per_million_tokens.as_deref(), Some("1.00"));
    assert_eq!(costs.compared_with.as_deref(), Some("apps/split/api"));
    assert_eq!(costs.break_even_tokens_per_day, Some(14_400_000));
    assert!((85_000_000..=86_400_000).contains(&costs.tokens_per_day), "{costs:?}");
    let saved: f64 = costs.saved.unwrap().parse().unwrap();
    assert!((0.04..0.11).contains(&saved), "one or two minutes at 0.05 USD: {saved}");
}

fn bench(price: Option<&str>) -> Bench {
    let scaling = json!({"maxReplicas": 1, "gpuHourlyPrice": price, "replicaCapacity": capacity()});
    Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1)
}

fn status(bench: &Bench) -> ScalingStatus {
    bench.board.status(bench.object("llama")).unwrap()
}

fn costs(bench: &Bench) -> EconomicsStatus {
    status(bench).economics.unwrap()
}

/// As many seconds of 1,000 tokens.
fn serve(bench: &mut Bench, seconds: usize) {
    for _ in 0..seconds {
        bench.served += 1000;
        bench.second("llama", 50, 1);
    }
}

/// The operator that follows, which knows what the status has.
fn restarted(mut after: Bench, status: ScalingStatus) -> Bench {
    let mut object = after.object("llama").clone();
    object.status.as_mut().unwrap().scaling = Some(status);
    after.edit(object);
    after
}

#[test]
fn a_model_at_zero_says_what_its_first_replica_would_have_to_do() {
    let mut bench = bench(Some("0.60")).compared("llama");
    serve(&mut bench, 125);
    bench.world.pods.clear();
    for _ in 0..7300 {
        bench.second("llama", 0, 0);
    }
    let told = costs(&bench);
    assert_eq!((told.hourly_cost.as_str(), told.tokens_per_day), ("0.00", 0));
    assert_eq!(told.break_even_tokens_per_day, Some(14_400_000));

    let mut after = restarted(self::bench(Some("0.60")).compared("llama"), status(&bench));
    after.world.pods.clear();
    for _ in 0..200 {
        after.second("llama", 0, 0);
    }
    assert_eq!(costs(&after).break_even_tokens_per_day, Some(14_400_000), "after a restart, too");
}

#[test]
fn what_was_saved_survives_a_time_without_a_price_or_anything_to_compare_with() {
    let unlisted = |mut bench: Bench| {
        bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-X1", 23034, 20)], &[]));
        bench
    };
    let mut before = bench(Some("0.60")).compared("llama");
    serve(&mut before, 125);
    let (saved, since) = (costs(&before).saved, costs(&before).saved_since);
    assert!(saved.is_some());

    let mut alone = restarted(bench(Some("0.60")), status(&before));
    serve(&mut alone, 200);
    assert_eq!((costs(&alone).saved, costs(&alone).compared_with), (saved.clone(), None));

    let mut unpriced = unlisted(restarted(bench(None), status(&alone)));
    serve(&mut unpriced, 200);
    let told = costs(&unpriced);
    assert_eq!((&told.saved, &told.saved_since, told.hourly_cost.as_str()), (&saved, &since, ""));

    let mut after = restarted(bench(Some("0.60")).compared("llama"), status(&unpriced));
    serve(&mut after, 700);
    let number = |saved: &Option<String>| saved.as_deref().unwrap().parse::<f64>().unwrap();
    assert!(number(&costs(&after).saved) > number(&saved), "{:?}", costs(&after));
    assert_eq!(costs(&after).saved_since, since);
}

#[test]
fn savings_count_since_there_was_anything_to_compare_with() {
    let mut bench = bench(Some("0.60"));
    serve(&mut bench, 600);
    assert_eq!((costs(&bench).saved, costs(&bench).saved_since), (None, None));
    let compared_at = bench.now;
    let mut bench = bench.compared("llama");
    serve(&mut bench, 700);
    assert_eq!(costs(&bench).saved_since.unwrap().0, compared_at);
}

#[test]
fn where_there_never_was_a_price_there_are_no_costs() {
    let mut bench = bench(None).compared("llama");
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-X1", 23034, 20)], &[]));
    serve(&mut bench, 200);
    assert_eq!(status(&bench).economics, None);
}

/// Seconds in which another router says that nothing is asked of it; what was served in them, as metrics have it.
fn beside(bench: &mut Bench, seconds: usize) -> f64 {
    let mut served = 0.0;
    for _ in 0..seconds {
        let (policy, backend) = ("apps/split".to_owned(), "llama".to_owned());
        let nothing = BackendDemand { policy, backend, ..BackendDemand::default() };
        bench.reports.take("apps/other", vec![nothing], bench.now);
        bench.pass();
        served += bench.figure("served_tokens_per_second").unwrap();
    }
    served
}

#[test]
fn what_a_router_settles_as_it_stops_counts_once() {
    let mut bench = bench(None);
    serve(&mut bench, 10);
    bench.served += 60_000;
    bench.second("llama", 0, 0);
    let served = bench.figure("served_tokens_per_second").unwrap() + beside(&mut bench, 20);
    assert!((served - 60_000.0).abs() < 1.0, "{served}");
}

#[test]
fn what_was_served_while_a_router_was_slow_to_report_is_not_lost() {
    let mut bench = bench(None);
    serve(&mut bench, 10);
    let before = beside(&mut bench, 6);
    bench.served += 7000;
    bench.second("llama", 0, 1);
    let served = before + bench.figure("served_tokens_per_second").unwrap() + beside(&mut bench, 3);
    assert!((served - 7000.0).abs() < 1.0, "{served}");
}
