//! Reads the head of one file.

use super::entry::Head;
use super::{Failure, Key};
use crate::kube_ext::within;
use crate::model_file::read::oci::{Basic, DOCKER_CONFIG_KEY, Image, Transport, credentials_for};
use crate::model_file::{Format, ModelFile};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::sync::Arc;

/// Reads it, unless the image is still the one that `known` was read from.
pub(super) async fn read(
    transport: &Arc<Transport>,
    client: &Client,
    key: &Key,
    known: Option<Head>,
) -> Result<Head, Failure> {
    let credentials = credentials(client, key).await?;
    let image = Image::open(transport, &key.reference, credentials).await?;
    if let Some(known) = known.filter(|known| known.digest == *image.digest()) {
        return Ok(known);
    }
    let file = image.file(&key.path).await?;
    let file = ModelFile::read(&file).await?;
    if file.format != Format::Gguf {
        return Err(Failure::not_gguf(&key.path));
    }
    let file = Arc::new(file);
    Ok(Head { digest: image.digest().clone(), file })
}

/// The credentials of the first pull secret that has any for the registry. A Secret that does not exist counts for
/// nothing, as with the kubelet.
async fn credentials(client: &Client, key: &Key) -> Result<Option<Basic>, Failure> {
    let Some((namespace, names)) = &key.secrets else { return Ok(None) };
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for name in names {
        let secret = within(|| format!("could not read pull secret {name}"), api.get_opt(name)).await;
        let secret = secret.map_err(|error| Failure::secret(error.to_string()))?;
        let config = secret.and_then(|secret| secret.data?.remove(DOCKER_CONFIG_KEY));
        let found = config.and_then(|config| credentials_for(&config.0, &key.reference.registry));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
