//! By claims for devices: what Flotilla asks the bed's DRA driver for.

use super::objects::{apply, custom, get, serving, wait};
use super::stage::{SOON, alone, lands_on, runs};
use flotilla_crds::model_deployment::ChosenMode;
use flotilla_e2e::bed::{self, Devices, NODES, Paths};
use flotilla_e2e::harness::{HarnessError, Result, TestNamespace};
use k8s_openapi::api::resource::v1::ResourceClaim;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::{Value, json};

fn placed(name: &str, need: &str, placement: &[(&str, &str)]) -> Value {
    let mut object = custom(name, need);
    for (field, value) in placement {
        object["spec"]["placement"][*field] = json!(value);
    }
    object
}

async fn claims(namespace: &TestNamespace) -> Result<Vec<ResourceClaim>> {
    let list = namespace.api::<ResourceClaim>().list(&ListParams::default()).await;
    Ok(list.map_err(HarnessError::api("list claims"))?.items)
}

#[tokio::test]
async fn devices_are_taken_by_size_where_a_driver_offers_them() {
    alone("claims", async |_, namespace| {
        let paths = Paths::from_env()?;
        for node in NODES {
            bed::start_dra(&paths, node, Devices::Exclusive)?;
        }
        // The first lets Flotilla choose, the others say.
        let models = [
            ("a", "8Gi", "Auto", 12_288),
            ("b", "8Gi", "DRA", 16_380),
            ("c", "20Gi", "DRA", 24_564),
            ("d", "20Gi", "DRA", 24_564),
        ];
        for (name, need, mode, card) in models {
            apply(&namespace, &placed(name, need, &[("mode", mode)])).await?;
            assert_eq!(lands_on(&namespace, name).await?, card, "{name} needs {need}");
            let chosen = serving(&namespace, name).await?.status.unwrap().placement.unwrap();
            assert_eq!(chosen.mode, Some(ChosenMode::Dra), "{name}: {}", chosen.message);
        }
        let dra = [("mode", "DRA")];
        assert_eq!(claims(&namespace).await?.len(), models.len(), "a claim for each replica");

        apply(&namespace, &placed("e", "20Gi", &dra)).await?;
        let message = wait(&namespace, "e", "Placeable", "False", "NoFreeGPU").await?;
        assert!(message.contains("4090"), "the cards in use are named: {message}");
        apply(&namespace, &placed("f", "30Gi", &dra)).await?;
        wait(&namespace, "f", "Placeable", "False", "NoFit").await?;

        // What holds a device goes, and what waits has it.
        let mut none = placed("c", "20Gi", &dra);
        none["spec"]["replicas"] = 0.into();
        apply(&namespace, &none).await?;
        serving(&namespace, "e").await?;
        assert_eq!(lands_on(&namespace, "e").await?, 24_564);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn small_models_share_a_device_and_each_has_its_part_of_the_memory() {
    alone("shares", async |_, namespace| {
        let node = &NODES[0];
        bed::start_dra(&Paths::from_env()?, node, Devices::Shared)?;
        let shared = [("mode", "DRA"), ("sharing", "Shared")];
        for name in ["a", "b"] {
            apply(&namespace, &placed(name, "5Gi", &shared)).await?;
        }
        for name in ["a", "b"] {
            runs(&namespace, name, SOON, |found| found == node.name).await?;
        }
        let held = claims(&namespace).await?;
        let results = held.iter().map(|claim| {
            let allocation = claim.status.as_ref().and_then(|status| status.allocation.as_ref());
            let result = &allocation.unwrap().devices.as_ref().unwrap().results.as_ref().unwrap()[0];
            (
                result.device.clone(),
                result.consumed_capacity.as_ref().and_then(|taken| taken.get("memory")).cloned(),
            )
        });
        let results: Vec<_> = results.collect();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0], results[1], "both have as much of the same card");
        assert!(results[0].1.is_some(), "a part of it: {results:?}");

        // 12 GiB less two parts of more than 5.
        apply(&namespace, &placed("c", "5Gi", &shared)).await?;
        wait(&namespace, "c", "Placeable", "False", "NoFreeGPU").await?;
        let status = get(&namespace, "c").await?.status.unwrap();
        assert_eq!(status.placement.unwrap().mode, Some(ChosenMode::Dra), "{}", held[0].name_any());
        Ok(())
    })
    .await;
}
