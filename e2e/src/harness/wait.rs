//! Waiting for the cluster, with the reason why it is not there yet.

use super::error::{HarnessError, Result};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Between two looks.
pub const POLL: Duration = Duration::from_millis(200);

/// Looks again and again until `look` brings a value; its `Err` says why not yet.
///
/// # Errors
/// [`HarnessError::Deadline`] with the last reason.
pub async fn wait_until<T, F>(what: &str, deadline: Duration, mut look: F) -> Result<T>
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let start = Instant::now();
    loop {
        let left = deadline.saturating_sub(start.elapsed());
        let state = match tokio::time::timeout(left.max(POLL), look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(state)) => state,
            Err(_) => "no answer".to_owned(),
        };
        if start.elapsed() >= deadline {
            return Err(HarnessError::Deadline { what: what.to_owned(), waited: deadline, state });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until `check` accepts the object of that name, which may not be there yet.
///
/// # Errors
/// [`HarnessError::Deadline`] with the last reason.
pub async fn wait_for<K, T>(
    api: &Api<K>,
    name: &str,
    what: &str,
    deadline: Duration,
    mut check: impl FnMut(&K) -> Result<T, String>,
) -> Result<T>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    wait_until(&format!("{name} to {what}"), deadline, async || match api.get_opt(name).await {
        Ok(Some(object)) => check(&object),
        Ok(None) => Err("it does not exist".to_owned()),
        Err(error) => Err(error.to_string()),
    })
    .await
}
