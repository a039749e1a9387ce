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

/// What the process has of the Secret.
pub(super) struct Serving {
    /// Gives handshakes the certificate.
    pub(super) resolver: Arc<CertResolver>,
    /// The authority that sidecars and gateways are told to trust, from the start of the process on.
    pub(super) ca_cert: String,
}

/// How the Secret was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The authority is the one that everything here hands out.
    Same,
    /// It was made anew.
    OtherAuthority,
}

/// Looks at the Secret now and then, and at each change of leadership; the leader renews and publishes. A renewal keeps
/// the authority. If it is another one, the Secret was deleted, and the process has to begin anew: routers that are told
/// of the old one would never be let in.
pub(super) async fn keep(
    client: Client,
    options: Options,
    mut leadership: Leadership,
    serving: Serving,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let pause = match look(&client, &options, leadership.is_leader(), &serving).await {
            Ok(Found::Same) => INTERVAL,
            Ok(Found::OtherAuthority) => anyhow::bail!(
                "the Secret with the certificate was made anew, with another authority than at the start: the operator starts anew to hand that out"
            ),
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

async fn look(client: &Client, options: &Options, leads: bool, serving: &Serving) -> anyhow::Result<Found> {
    let bundle =
        load_or_create(client, &options.namespace, &options.service_names(), leads, Timestamp::now()).await?;
    if bundle.ca_cert != serving.ca_cert {
        return Ok(Found::OtherAuthority);
    }
    serving.resolver.replace(&bundle)?;
    if leads {
        publish_ca(client, &options.webhook, &bundle.ca_cert).await?;
    }
    Ok(Found::Same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Bundle;
    use clap::Parser as _;
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::json;
    use std::convert::Infallible;

    /// An API server that has this bundle in its Secret.
    fn having(bundle: &Arc<Mutex<Bundle>>) -> Client {
        let bundle = bundle.clone();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "flotilla-operator-tls"},
                "data": encoded(&bundle.lock()),
            });
            let response = http::Response::new(Body::from(secret.to_string().into_bytes()));
            async move { Ok::<_, Infallible>(response) }
        });
        Client::new(service, "flotilla")
    }

    fn encoded(bundle: &Bundle) -> serde_json::Value {
        let bytes = |text: String| json!(k8s_openapi::ByteString(text.into_bytes()));
        bundle.to_data().into_iter().map(|(key, value)| (key, bytes(value))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn another_authority_ends_the_process_and_a_renewed_certificate_does_not() {
        let (names, now) = (vec!["flotilla-operator.flotilla.svc".to_owned()], Timestamp::now());
        let first = Bundle::create(&names, now).unwrap();
        let secret = Arc::new(Mutex::new(first.clone()));
        let options = Options::parse_from(["flotilla-operator", "--router-image=example/router:1"]);
        let resolver = Arc::new(CertResolver::new(&first).unwrap());
        let serving = Serving { resolver: resolver.clone(), ca_cert: first.ca_cert.clone() };
        let look = async || look(&having(&secret), &options, false, &serving).await.unwrap();
        assert_eq!(look().await, Found::Same);
        *secret.lock() = first.renew(&names, now).unwrap();
        assert_eq!(look().await, Found::Same);
        *secret.lock() = Bundle::create(&names, now).unwrap();
        assert_eq!(look().await, Found::OtherAuthority);

        let (leadership, shutdown) = (Leadership::always(false), CancellationToken::new());
        let ended = keep(having(&secret), options.clone(), leadership, serving, shutdown).await;
        assert!(ended.unwrap_err().to_string().contains("another authority"));
    }
}
