//! The bed with as many cards as its nodes claim, for one test at a time.

use super::objects::{card_mib, pods, with_flotilla};
use flotilla_e2e::bed::{self, NODES, Paths, SPARES};
use flotilla_e2e::harness::{Cluster, Result, TestNamespace, others_are_gone, wait_until};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Pod;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

/// Cards that one test takes another would miss.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// What other tests find: room for engines side by side.
const PLENTY: u32 = 16;
/// For a pod that has a card to start, and for a decision to show.
pub const SOON: Duration = Duration::from_mins(3);
/// A node is given up by the control plane after 50 s, and its pods half a minute later.
pub const GIVEN_UP: Duration = Duration::from_mins(4);
/// For pods to end, those of a node that was killed included.
const GONE: Duration = Duration::from_mins(4);

/// Runs a test with one card on each of the bed's nodes. Whatever the test changes is put back.
pub async fn alone<F>(test: &str, body: F)
where
    F: AsyncFnOnce(Cluster, TestNamespace) -> Result<()>,
{
    let _alone = ALONE.lock().await;
    gone(test).await;
    let run = with_flotilla(test, async |cluster, namespace| {
        for node in NODES {
            cards(node.name, 1)?;
        }
        body(cluster, namespace).await
    });
    let ended = AssertUnwindSafe(run).catch_unwind().await;
    // A pod with a claim cannot end once its node's driver is gone.
    gone(test).await;
    put_back();
    if let Err(failed) = ended {
        resume_unwind(failed);
    }
}

/// Waits for the pods of tests that ended: they hold cards that the next one counts on.
async fn gone(test: &str) {
    let waited = match Cluster::connect().await {
        Ok(cluster) => others_are_gone(&cluster.client, GONE).await,
        Err(error) => Err(error),
    };
    if let Err(error) = waited {
        println!("{test}: {error}");
    }
}

fn put_back() {
    let Ok(paths) = Paths::from_env() else { return };
    for node in NODES {
        let _ = bed::stop_dra(&paths, node);
        let _ = bed::advertise(&paths, node.name, PLENTY);
    }
    for node in SPARES {
        let _ = bed::leave(&paths, node);
    }
}

/// Makes a node offer so many cards.
pub fn cards(node: &str, count: u32) -> Result<()> {
    Ok(bed::advertise(&Paths::from_env()?, node, count)?)
}

/// Waits until an object's only living pod is ready on a node that `place` accepts, and returns it.
pub async fn runs(
    namespace: &TestNamespace,
    name: &str,
    within: Duration,
    place: impl Fn(&str) -> bool,
) -> Result<Pod> {
    wait_until(&format!("a pod of {name} to serve"), within, async || {
        let mut living: Vec<Pod> = pods(namespace, name).await?;
        living.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        let ready = |pod: &Pod| {
            let status = pod.status.clone().unwrap_or_default();
            status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
        };
        match living.as_slice() {
            [pod] if ready(pod) && node_of(pod).is_some_and(&place) => Ok(pod.clone()),
            others => {
                let shown = others.iter().map(|pod| (node_of(pod), ready(pod)));
                Err(format!("pods with their nodes, ready or not: {:?}", shown.collect::<Vec<_>>()))
            }
        }
    })
    .await
}

/// The node of a pod that has one.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// The memory of the card that an object's only pod runs on.
pub async fn lands_on(namespace: &TestNamespace, name: &str) -> Result<u64> {
    let pod = runs(namespace, name, SOON, |_| true).await?;
    Ok(card_mib(namespace, &pod).await)
}
