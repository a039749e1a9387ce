//! Which card a replica lands on, and what is said when there is none.

use super::objects::{
    apply, arguments, assert_answers, card_mib, chat, custom, get, pods_are, serving, smollm2, wait,
    with_flotilla,
};
use flotilla_crds::model_deployment::ModelDeploymentStatus;
use flotilla_e2e::command::output;
use serde_json::json;

/// The number of MiB in a quantity of the status.
fn mib(quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity) -> u64 {
    let number = quantity.0.strip_suffix("Mi").unwrap_or_else(|| panic!("{} is not in Mi", quantity.0));
    number.parse().unwrap()
}

fn terms(status: &ModelDeploymentStatus) -> [u64; 4] {
    let memory = status.memory.as_ref().unwrap();
    [&memory.weights, &memory.kv_cache, &memory.compute, &memory.runtime]
        .map(|term| mib(term.as_ref().unwrap()))
}

#[tokio::test]
async fn a_real_model_lands_on_the_smallest_card_and_answers() {
    with_flotilla("real_model", async |cluster, namespace| {
        apply(&namespace, &smollm2("smollm2")).await?;
        let status = serving(&namespace, "smollm2").await?.status.unwrap();

        let pod = pods_are(&namespace, "smollm2", 1).await?.remove(0);
        assert_eq!(card_mib(&namespace, &pod).await, 12_288, "SmolLM2 fits the smallest card");
        let flags = arguments(&pod);
        for bound in ["--ctx-size 1024", "--parallel 1", "--cache-type-k f16", "--alias smollm2"] {
            assert!(flags.contains(bound), "{bound} is missing from {flags}");
        }
        let memory = status.memory.as_ref().unwrap();
        let sum: u64 = terms(&status).iter().sum();
        assert!(sum.abs_diff(mib(&memory.total)) <= 4, "the terms add up: {memory:?}");
        assert!(mib(&memory.required) > mib(&memory.total), "headroom comes on top: {memory:?}");
        let endpoint = format!("http://smollm2.{}.svc/v1", namespace.name);
        assert_eq!(status.endpoint.as_ref(), Some(&endpoint));

        let answer = chat(&namespace, "smollm2").await?;
        assert_answers(&answer);
        assert_eq!(answer["model"], "smollm2");
        let table = output(&mut cluster.kubectl(["get", "mdep", "-n", &namespace.name])?)?;
        for shown in ["MODEL", "VRAM", "Q4_1", "Serving", "3060"] {
            assert!(table.contains(shown), "{shown} is not in\n{table}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_declared_need_chooses_the_card() {
    with_flotilla("declared_need", async |_, namespace| {
        for (name, need, card) in [("medium", "14Gi", 16_380), ("large", "20Gi", 24_564)] {
            apply(&namespace, &custom(name, need)).await?;
            let status = serving(&namespace, name).await?.status.unwrap();
            let pod = pods_are(&namespace, name, 1).await?.remove(0);
            assert_eq!(card_mib(&namespace, &pod).await, card, "{need}");
            assert!(status.memory.unwrap().weights.is_none(), "a declared need has no terms");
            assert_answers(&chat(&namespace, name).await?);
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn at_zero_replicas_status_says_what_would_be_needed_and_where_it_fits() {
    with_flotilla("zero_replicas", async |_, namespace| {
        for (name, preset, cards) in [("small", "llama-3.2-3b", 3), ("big", "qwen2.5-14b", 2)] {
            let mut object = smollm2(name);
            object["spec"]["model"] =
                json!({"source": "pvc://weights/model.gguf", "preset": preset, "quantization": "Q4_K_M"});
            object["spec"]["context"] = json!({"maxTokens": 8192, "parallelSequences": 2});
            object["spec"]["replicas"] = json!(0);
            apply(&namespace, &object).await?;
            wait(&namespace, name, "Ready", "True", "ScaledToZero").await?;
            let status = get(&namespace, name).await?.status.unwrap();
            assert!(terms(&status).iter().all(|term| *term > 0), "{:?}", status.memory);
            let required = mib(&status.memory.as_ref().unwrap().required);
            let fits = status.placement.unwrap().fits;
            assert_eq!(fits.len(), cards, "{preset} needs {required} MiB: {fits:?}");
            assert!(fits.iter().all(|fit| mib(&fit.memory) >= required && fit.gpus > 0), "{fits:?}");
            assert!(fits.is_sorted_by_key(|fit| mib(&fit.memory)), "the smallest comes first: {fits:?}");
            pods_are(&namespace, name, 0).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_fits_nowhere_says_so_with_numbers_and_alternatives() {
    with_flotilla("no_fit", async |_, namespace| {
        // 2 million tokens of 22.5 KiB each are 45 GiB.
        let mut object = smollm2("huge");
        object["spec"]["context"] = json!({"maxTokens": 8192, "parallelSequences": 256});
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "huge", "Ready", "False", "NoFit").await?;
        wait(&namespace, "huge", "Stalled", "True", "NoFit").await?;
        let status = get(&namespace, "huge").await?.status.unwrap();
        let required = mib(&status.memory.unwrap().required);
        assert!(required > 24_564);
        assert!(status.placement.unwrap().fits.is_empty());
        for piece in
            [format!("needs {required} MiB"), "with 24564 MiB".to_owned(), "it would fit with".to_owned()]
        {
            assert!(message.contains(&piece), "{piece:?} is not in {message:?}");
        }

        // What it advises to change ends it.
        object["spec"]["context"] = json!({"maxTokens": 1024, "parallelSequences": 1});
        apply(&namespace, &object).await?;
        serving(&namespace, "huge").await?;
        Ok(())
    })
    .await;
}
