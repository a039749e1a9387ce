//! What the replicas cost, beside what the same tokens cost outside.

use crate::stage::{MODEL, all_good, scaled, with_policy};
use flotilla_e2e::harness::Ask;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_status_says_what_tokens_cost_here_and_there() {
    let scaling = json!({"minReplicas": 1, "maxReplicas": 1, "gpuHourlyPrice": "0.80"});
    // Nobody is asked outside: no model of the bed is too large for its cards.
    let policy = |_: &str| {
        json!({
            "backends": [
                {"name": "fleet", "modelDeploymentRef": {"name": "fleet"}},
                {"name": "api", "external": {
                    "baseURL": "https://api.example.com/v1", "model": "gpt-4o", "pricing": {"input": "2.50", "output": "10.00"},
                }},
            ],
            "default": {"backends": [{"name": "fleet"}]},
            "spill": {"backend": "api", "when": ["NoFit"]},
        })
    };
    with_policy("scaling_economics", &scaling, policy, async |stage| {
        stage.has("a replica", |status| status.ready_replicas == 1).await?;
        let app = stage.application().await?;
        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") };
        app.start_loop(&stage.namespace, &ask, Duration::from_millis(200)).await?;
        let costs = |status: &_| scaled(status).and_then(|scaling| scaling.economics.clone());
        let counted = |status: &_| costs(status).is_some_and(|costs| costs.cost_per_million_tokens.is_some());
        let status = stage.has("the price of its tokens", counted).await?;
        all_good(&app.stop_loop(&stage.namespace).await?);

        let costs = costs(&status).unwrap();
        println!("{costs:?}");
        let number = |text: &Option<String>| text.as_deref().unwrap().parse::<f64>().unwrap();
        assert_eq!((costs.hourly_cost.as_str(), costs.price_source.as_str()), ("0.80", "spec"));
        assert_eq!(costs.compared_with, Some(format!("{}/scaled/api", stage.namespace.name)));
        let outside = number(&costs.external_cost_per_million_tokens);
        assert!(2.5 < outside && outside < 10.0, "between its prompt and completion price: {outside}");
        let even = costs.break_even_tokens_per_day.unwrap() as f64;
        let expected = 0.80 * 24.0 / outside * 1e6;
        assert!((even / expected - 1.0).abs() < 0.01, "{even}, {expected}");
        assert!(number(&costs.cost_per_million_tokens) > 0.0 && costs.tokens_per_day > 0, "{costs:?}");
        Ok(())
    })
    .await;
}
