//! Keeps the certificate fresh and the webhook trusting it.

use crate::lease::Leadership;
use crate::options::Options;
use crate::tls::{CertResolver, load_or_create, publish_ca};
use jiff::Timestamp;
use kube::Client;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks when all is well: every replica takes over a renewed certificate within this time.
const INTERVAL: Duration = Duration::from_mins(10);
/// Between two tries when something failed.
const RETRY: Duration = Duration::from_secs(5);

/// Looks at the Secret now and then, and at each change of leadership; the leader renews and publishes.
pub(super) async fn keep(
    client: Client,
    options: Options,
    mut leadership: Leadership,
    resolver: Arc<CertResolver>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let pause = match look(&client, &options, leadership.is_leader(), &resolver).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "the certificate could not be looked after");
                RETRY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
            true = leadership.changed() => {}
        }
    }
}

async fn look(
    client: &Client,
    options: &Options,
    leads: bool,
    resolver: &CertResolver,
) -> anyhow::Result<()> {
    let bundle =
        load_or_create(client, &options.namespace, &options.service_names(), leads, Timestamp::now()).await?;
    resolver.replace(&bundle)?;
    if leads {
        publish_ca(client, &options.webhook, &bundle.ca_cert).await?;
    }
    Ok(())
}
