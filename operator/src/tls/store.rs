//! The bundle's Secret, and the webhook that has to know its authority.

use super::{Bundle, BundleError};
use crate::kube_ext::{CallError, FIELD_MANAGER, within};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::BTreeMap;

/// The Secret's name.
const SECRET: &str = "flotilla-operator-tls";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The API server did not take or give it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It could not be made or read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// The shared bundle: read, made if there is none, renewed if it is due and this replica `may_renew`.
///
/// Replicas that start together race to create the Secret; the API server lets one win, and the others read it.
pub async fn load_or_create(
    client: &Client,
    namespace: &str,
    names: &[String],
    may_renew: bool,
    now: Timestamp,
) -> Result<Bundle, StoreError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let read = || within(|| format!("could not read Secret {SECRET}"), api.get_opt(SECRET));
    let live = if let Some(live) = read().await? {
        live
    } else {
        let made = secret(&Bundle::create(names, now)?, None);
        match within(
            || format!("could not create Secret {SECRET}"),
            api.create(&PostParams::default(), &made),
        )
        .await
        {
            Err(error) if error.is_conflict() => read().await?.unwrap_or(made),
            other => other?,
        }
    };
    let bundle = Bundle::from_data(&data(&live))?;
    if !(may_renew && bundle.is_due(now)) {
        return Ok(bundle);
    }
    let renewed = bundle.renew(names, now)?;
    let replacement = secret(&renewed, live.metadata.resource_version);
    within(
        || format!("could not renew Secret {SECRET}"),
        api.replace(SECRET, &PostParams::default(), &replacement),
    )
    .await?;
    Ok(renewed)
}

fn secret(bundle: &Bundle, resource_version: Option<String>) -> Secret {
    let mut secret = Secret { type_: Some("flotilla.dev/tls".to_owned()), ..Secret::default() };
    secret.metadata.name = Some(SECRET.to_owned());
    secret.metadata.resource_version = resource_version;
    secret.data = Some(
        bundle.to_data().into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect(),
    );
    secret
}

fn data(secret: &Secret) -> BTreeMap<String, String> {
    let data = secret.data.iter().flatten();
    data.filter_map(|(key, value)| Some((key.clone(), String::from_utf8(value.0.clone()).ok()?))).collect()
}

/// Tells the API server which authority to trust for the webhook. The chart installs the configuration without it.
pub async fn publish_ca(client: &Client, configuration: &str, ca_cert: &str) -> Result<(), CallError> {
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let live = within(
        || format!("could not read MutatingWebhookConfiguration {configuration}"),
        api.get(configuration),
    )
    .await?;
    let hooks = live.webhooks.unwrap_or_default();
    let wanted = ByteString(ca_cert.as_bytes().to_vec());
    if hooks.iter().all(|hook| hook.client_config.ca_bundle.as_ref() == Some(&wanted)) {
        return Ok(());
    }
    let patched: Vec<_> =
        hooks.iter().map(|hook| json!({"name": hook.name, "clientConfig": {"caBundle": wanted}})).collect();
    let patch = Patch::Strategic(json!({"webhooks": patched}));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    within(
        || format!("could not patch MutatingWebhookConfiguration {configuration}"),
        api.patch(configuration, &params, &patch),
    )
    .await?;
    Ok(())
}
