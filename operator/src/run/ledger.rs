//! Writes the ledger of budgets down while it changes, so that a restart of the operator forgets nothing.
//!
//! It lies in a ConfigMap and not in the policies' status: it changes every few seconds while money is spent, and each
//! change of a policy wakes every watch of it. Whoever may write the ConfigMap may raise budgets, so it lies in the
//! operator's own namespace.

use crate::fleet::CatalogReceiver;
use crate::kube_ext::{ApplyError, CallError, apply, within};
use crate::lease::Leadership;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// The ConfigMap, in the operator's namespace.
const NAME: &str = "flotilla-ledger";
/// Its key.
const KEY: &str = "ledger.json";
/// Between two writes, and between two tries.
const INTERVAL: Duration = Duration::from_secs(2);
/// What the API server takes of a ConfigMap's data, in bytes.
const LARGEST: usize = 1 << 20;

/// The ledger of this operator, and where it is kept.
pub(super) struct Keeper {
    pub(super) client: Client,
    pub(super) namespace: String,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) leadership: Leadership,
    pub(super) catalog: CatalogReceiver,
    pub(super) metrics: Metrics,
    pub(super) shutdown: CancellationToken,
}

/// Why there is no ledger yet.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("ConfigMap {NAME} holds no ledger ({0}): delete it, which forgets what was spent")]
    Malformed(#[from] serde_json::Error),
}

impl Keeper {
    /// Opens the ledger once this replica leads, and keeps what is written down true to it until the shutdown.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        while !self.leadership.is_leader() {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                changed = self.leadership.changed() => if !changed { return Ok(()) },
            }
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut written = loop {
            match self.open().await {
                Ok(text) => break text,
                Err(error) => tracing::error!(%error, "the ledger of budgets is closed: nobody gets a lease"),
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
        };
        loop {
            let ending = tokio::select! {
                () = self.shutdown.cancelled() => true,
                _ = ticks.tick() => false,
            };
            let text = {
                let (mut ledger, now) = (self.ledger.lock(), Timestamp::now().as_second());
                ledger.expire(now);
                if let Some(catalog) = self.catalog.borrow().as_ref() {
                    self.metrics.budgets(&ledger.all_left(catalog, now));
                }
                ledger.to_json()
            };
            if text != written {
                if text.len() > LARGEST {
                    tracing::error!(
                        bytes = text.len(),
                        "the ledger of budgets is too large to be written down"
                    );
                } else if let Err(error) = self.write(&text).await {
                    tracing::warn!(%error, "the ledger of budgets was not written; it is tried again");
                } else {
                    written = text;
                }
            }
            if ending {
                return Ok(());
            }
        }
    }

    async fn open(&self) -> Result<String, OpenError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let found = within(|| format!("could not read ConfigMap {NAME}"), api.get_opt(NAME)).await?;
        let text = found.and_then(|map| map.data?.remove(KEY)).unwrap_or_default();
        self.ledger.lock().open(&text, Timestamp::now().as_second())?;
        Ok(text)
    }

    async fn write(&self, text: &str) -> Result<(), ApplyError> {
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(KEY.to_owned(), text.to_owned())])),
            ..ConfigMap::default()
        };
        apply(&self.client, &map).await.map(drop)
    }
}
