//! A namespace for one test.

use super::error::{HarnessError, Result};
use super::{apply, try_create, wait_until};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::time::Duration;

/// Marks namespaces of tests, so that a person can find those that a killed run left.
const LABEL: &str = "flotilla.dev/e2e";

/// A fresh namespace. [`TestNamespace::delete`] removes it and does not wait.
#[derive(Clone)]
pub struct TestNamespace {
    /// Its name: `e2e-TEST-SUFFIX`.
    pub name: String,
    /// Talks to the API server as its administrator.
    pub client: Client,
}

impl TestNamespace {
    /// Makes one for the test of that name.
    ///
    /// # Errors
    /// If the API server refuses.
    pub async fn create(client: Client, test: &str) -> Result<Self> {
        let test: String = test.replace('_', "-").chars().take(40).collect();
        let name = format!("e2e-{}-{:05x}", test.trim_end_matches('-'), suffix());
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some(BTreeMap::from([(LABEL.to_owned(), "true".to_owned())])),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let api: Api<Namespace> = Api::all(client.clone());
        api.create(&PostParams::default(), &namespace)
            .await
            .map_err(HarnessError::api(format!("create namespace {name}")))?;
        Ok(Self { name, client })
    }

    /// The objects of a kind in it.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Server-side applies every document of a YAML text in it.
    ///
    /// # Errors
    /// If the API server refuses one.
    pub async fn apply(&self, yaml: &str) -> Result<Vec<DynamicObject>> {
        apply(&self.client, &self.name, yaml).await
    }

    /// Asks whether the API server would take an object; `Err` is its sentence.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn would_take(&self, object: &DynamicObject) -> Result<Result<(), String>> {
        let asked = try_create(&self.client, &self.name, object, true).await?;
        Ok(asked.map(drop))
    }

    /// Deletes it in the background; its pods are given no time, since nobody uses them any more.
    ///
    /// # Errors
    /// If the API server refuses.
    pub async fn delete(&self) -> Result<()> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.delete(&self.name, &DeleteParams::background())
            .await
            .map(drop)
            .map_err(HarnessError::api(format!("delete namespace {}", self.name)))
    }
}

/// Waits until the namespaces of tests that ended are gone, and with them the pods that hold GPUs.
///
/// # Errors
/// [`HarnessError::Deadline`] with those that are left.
pub async fn others_are_gone(client: &Client, deadline: Duration) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    let ours = ListParams::default().labels(LABEL);
    wait_until("the namespaces of tests that ended to go", deadline, async || {
        let list = api.list(&ours).await.map_err(|error| error.to_string())?;
        let going = list.iter().filter(|namespace| namespace.metadata.deletion_timestamp.is_some());
        let left: Vec<String> = going.map(ResourceExt::name_any).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left: {}", left.join(", "))) }
    })
    .await
}

/// Five hexadecimal digits that differ between runs and between tests of a run.
fn suffix() -> i64 {
    jiff::Timestamp::now().as_microsecond() & 0xf_ffff
}
