//! One of two routers dies with all that it had to do.

use crate::stage::{MODEL, all_good, eager, with_stage};
use flotilla_e2e::harness::{App, Ask, HarnessError};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use std::time::Duration;

#[tokio::test]
async fn what_a_lost_router_had_asked_for_is_asked_for_no_more() {
    with_stage("scaling_lost", &eager(), async |stage| {
        stage.has("one replica", |object| object.ready_replicas == 1).await?;
        let calm = stage.application().await?;
        let busy = App::start(&stage.namespace, "busy", &[("app", "chat")]).await?;
        calm.start_loop(&stage.namespace, &Ask::new(MODEL, "Hi.").streamed(), Duration::from_secs(2)).await?;
        let ask = Ask { max_tokens: 32, ..Ask::new(MODEL, "Count to ten, please.") }.streamed();
        busy.start_loop(&stage.namespace, &ask, Duration::from_millis(100)).await?;
        stage.has("two replicas", |object| object.ready_replicas == 2).await?;

        let at_once = DeleteParams::default().grace_period(0);
        let deleted = stage.namespace.api::<Pod>().delete("busy", &at_once).await;
        deleted.map_err(HarnessError::api("delete pod busy"))?;
        let status = stage.has("one replica wanted", |object| object.desired_replicas == Some(1)).await?;
        assert_eq!(status.scaling.unwrap().history[0].reason, "DemandFell");
        stage.has("one pod", |object| object.replicas == 1).await?;
        all_good(&calm.stop_loop(&stage.namespace).await?);
        Ok(())
    })
    .await;
}
