//! One test: a namespace, the body, and on failure a dump whose place the panic message names.

use super::cluster::Cluster;
use super::dump::dump;
use super::error::Result;
use super::namespace::TestNamespace;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::Semaphore;

/// How many tests of a program drive the cluster at the same time, whatever the number of test threads.
pub const CASES_AT_ONCE: usize = 4;
/// No test may take longer, unless it says so: several times what the longest takes on a machine that is quiet.
const DEADLINE: Duration = Duration::from_mins(12);
static SLOTS: Semaphore = Semaphore::const_new(CASES_AT_ONCE);

/// Runs a test's body in a namespace of its own, which goes when it ends, unless `FLOTILLA_E2E_KEEP` is set.
///
/// # Panics
/// If the body fails; the message says why, and where pods' logs, events and objects of the namespace lie.
pub async fn case<F>(test: &str, body: F)
where
    F: AsyncFnOnce(Cluster, TestNamespace) -> Result<()>,
{
    long_case(test, DEADLINE, body).await;
}

/// The same for a test that takes long.
///
/// # Panics
/// As [`case`].
#[allow(clippy::panic, reason = "a test fails by a panic")]
pub async fn long_case<F>(test: &str, deadline: Duration, body: F)
where
    F: AsyncFnOnce(Cluster, TestNamespace) -> Result<()>,
{
    let slot = SLOTS.acquire().await;
    let (cluster, namespace) = match setup(test).await {
        Ok(made) => made,
        Err(error) => panic!("{test} could not start: {error}"),
    };
    let start = Instant::now();
    let run = AssertUnwindSafe(body(cluster.clone(), namespace.clone())).catch_unwind();
    let failure = match tokio::time::timeout(deadline, run).await {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error))) => Some(error.to_string()),
        Ok(Err(panic)) => Some(message(panic.as_ref())),
        Err(_) => Some(format!("not done within {} s", deadline.as_secs())),
    };
    let dumped = match &failure {
        Some(_) => Some(dump(&cluster, &namespace, test).await),
        None => None,
    };
    if std::env::var_os("FLOTILLA_E2E_KEEP").is_none() {
        // A namespace that is left is a nuisance, not a failure.
        let _ = namespace.delete().await;
    }
    drop(slot);
    println!("{test}: {:.1} s", start.elapsed().as_secs_f32());
    if let Some(failure) = failure {
        match dumped {
            Some(Ok(folder)) => panic!("{failure}\nlogs, events and objects: {}", folder.display()),
            Some(Err(error)) => panic!("{failure}\nthe namespace could not be dumped: {error}"),
            None => panic!("{failure}"),
        }
    }
}

async fn setup(test: &str) -> Result<(Cluster, TestNamespace)> {
    let cluster = Cluster::connect().await?;
    let namespace = TestNamespace::create(cluster.client.clone(), test).await?;
    Ok((cluster, namespace))
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
