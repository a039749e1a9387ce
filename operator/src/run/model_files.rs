//! How model files are reached.

use crate::model_deployment::file::{Files, Readers};
use crate::model_file::read::HttpsClient;
use crate::model_file::read::oci::{Transport, TransportOptions};
use crate::options::Options;
use anyhow::Context as _;
use kube::Client;
use std::sync::Arc;

/// The reader of model files, as the options have it.
pub(super) async fn reader(options: &Options, client: &Client) -> anyhow::Result<Files> {
    if !options.read_model_files {
        return Ok(Files::off());
    }
    let extra_roots = match &options.registry_ca_file {
        Some(path) => {
            let pem = tokio::fs::read(path).await;
            Some(pem.with_context(|| format!("--registry-ca-file {} cannot be read", path.display()))?)
        }
        None => None,
    };
    let sources = HttpsClient::new(extra_roots.as_deref(), options.sources())?;
    let plain_http = options.plain_http_registries.iter().cloned().collect();
    let registries =
        Transport::new(TransportOptions { plain_http, extra_roots, ..TransportOptions::default() })?;
    Ok(Files::new(Readers { registries: Arc::new(registries), sources, client: client.clone() }))
}
