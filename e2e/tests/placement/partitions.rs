//! By partitions: a node whose card is cut, as NVIDIA's device plugin offers it under the strategy `mixed`.

use super::objects::{apply, custom, serving, wait};
use super::stage::{SOON, alone, runs};
use flotilla_crds::model_deployment::ChosenMode;
use flotilla_e2e::bed::{self, Paths, SPARES};
use serde_json::json;

#[tokio::test]
async fn each_replica_has_the_smallest_partition_that_fits() {
    alone("partitions", async |_, namespace| {
        let node = &SPARES[1];
        bed::join(&Paths::from_env()?, node)?;
        // The last needs more than any whole card here has: Auto finds the partition.
        for (name, need, mode, profile) in [
            ("a", "8Gi", "MIG", "1g.10gb"),
            ("b", "8Gi", "MIG", "1g.10gb"),
            ("c", "12Gi", "MIG", "2g.20gb"),
            ("d", "30Gi", "Auto", "3g.40gb"),
        ] {
            let mut object = custom(name, need);
            object["spec"]["placement"]["mode"] = json!(mode);
            apply(&namespace, &object).await?;
            let pod = runs(&namespace, name, SOON, |found| found == node.name).await?;
            let asked = pod.spec.unwrap().containers.remove(0).resources.unwrap().limits.unwrap();
            let resource = format!("nvidia.com/mig-{profile}");
            assert_eq!(asked.get(&resource).map(|count| count.0.as_str()), Some("1"), "{name}: {asked:?}");
            let placement = serving(&namespace, name).await?.status.unwrap().placement.unwrap();
            assert_eq!(placement.mode, Some(ChosenMode::Mig), "{name}: {}", placement.message);
            assert_eq!(placement.mig_profile.as_deref(), Some(profile), "{name}");
        }
        // Both of its size are taken, and a larger one is in use too.
        let mut object = custom("e", "12Gi");
        object["spec"]["placement"]["mode"] = json!("MIG");
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "e", "Placeable", "False", "NoFreeGPU").await?;
        assert!(message.contains("A100"), "the card is named: {message}");
        Ok(())
    })
    .await;
}
