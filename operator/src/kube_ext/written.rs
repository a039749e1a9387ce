//! Statuses that were written and that a cache may not have yet.

use super::version::version;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::object::HasStatus;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A watch that is further behind has broken off, and what was written is read again.
const KEPT: Duration = Duration::from_mins(1);

/// The last status of each object as the API server answered it, for a minute.
pub(super) struct Written<S>(Mutex<HashMap<String, Echo<S>>>);

struct Echo<S> {
    version: u64,
    status: S,
    at: Instant,
}

impl<S> Default for Written<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<S: Clone> Written<S> {
    /// Keeps what the API server answered.
    pub(super) fn keep<K>(&self, echo: &K, now: Instant)
    where
        K: Resource + HasStatus<Status = S>,
    {
        let mut kept = self.0.lock();
        kept.retain(|_, echo| now.saturating_duration_since(echo.at) < KEPT);
        if let (Some((uid, version)), Some(status)) = (identity(echo.meta()), echo.status()) {
            kept.insert(uid.to_owned(), Echo { version, status: status.clone(), at: now });
        }
    }

    /// What was written after the cache read the object.
    pub(super) fn newer_than(&self, cached: &ObjectMeta) -> Option<S> {
        let (uid, version) = identity(cached)?;
        let kept = self.0.lock();
        kept.get(uid).filter(|echo| echo.version > version).map(|echo| echo.status.clone())
    }
}

fn identity(meta: &ObjectMeta) -> Option<(&str, u64)> {
    Some((meta.uid.as_deref()?, version(meta)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flotilla_crds::ModelDeployment;
    use serde_json::json;

    fn object(uid: &str, version: &str, replicas: i32) -> ModelDeployment {
        serde_json::from_value(json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "tiny", "uid": uid, "resourceVersion": version},
            "spec": {"model": {}},
            "status": {"replicas": replicas, "readyReplicas": 0},
        }))
        .unwrap()
    }

    #[test]
    fn what_was_written_counts_until_the_cache_has_it_or_something_newer() {
        let (written, now) = (Written::default(), Instant::now());
        written.keep(&object("a", "100", 3), now);
        let newer = |uid, version| written.newer_than(&object(uid, version, 1).metadata).map(|s| s.replicas);
        // As numbers: as text 99 would come after 100.
        assert_eq!(newer("a", "99"), Some(3));
        assert_eq!([newer("a", "100"), newer("a", "101"), newer("b", "1"), newer("a", "x")], [None; 4]);
        written.keep(&object("b", "200", 5), now + KEPT);
        assert_eq!(
            (newer("a", "99"), newer("b", "1")),
            (None, Some(5)),
            "a minute later only the later one is kept"
        );
    }
}
