//! What models cost, as their statuses have it.

use super::bench::{Bench, capacity, object};
use flotilla_crds::model_deployment::{EconomicsStatus, ScalingStatus};
use serde_json::json;

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
