//! What places are read with.

use crate::model_file::read::HttpsClient;
use crate::model_file::read::oci::Transport;
use kube::Client;
use std::sync::Arc;

/// Connections to all kinds of places, and to the API server for credentials. Cheap to clone.
#[derive(Clone)]
pub struct Readers {
    /// To registries.
    pub registries: Arc<Transport>,
    /// To hubs, buckets and web servers.
    pub sources: HttpsClient,
    /// For the Secrets that objects name.
    pub client: Client,
}
