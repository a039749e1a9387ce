//! What the fetcher is told at its start.

use crate::fetch::Job;
use crate::http::{ClientError, HttpClient};
use crate::remote::{RemoteError, remote};
use crate::retry::Patience;
use clap::{Args, Parser, Subcommand};
use flotilla_model_source::origin::{Credentials, DEFAULT_REGION, Place};
use flotilla_model_source::{Source, SourceError};
use std::path::PathBuf;

/// Downloads a model into a cache folder, and ends when all of it is there and checked.
///
/// By hand: flotilla-fetch --source hf://OWNER/REPOSITORY/FILE --cache /tmp/cache --folder model
#[derive(Parser)]
#[command(
    name = "flotilla-fetch",
    version,
    about,
    long_about = None,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What else it does.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What is downloaded.
    #[command(flatten)]
    pub options: Option<Options>,
}

/// What else it does.
#[derive(Subcommand)]
pub enum Command {
    /// Keeps models of a cache from being deleted until it is told to stop.
    Hold(Hold),
}

/// What is kept.
#[derive(Args)]
pub struct Hold {
    /// The cache that replicas share.
    #[arg(long, default_value = "/cache")]
    pub cache: PathBuf,

    /// The folder of a model in the cache. May be given more than once.
    #[arg(long = "folder", required = true, value_name = "FOLDER")]
    pub folders: Vec<String>,
}

/// What is downloaded.
#[derive(Clone, Parser)]
pub struct Options {
    /// Where the model comes from: hf://, s3:// or https://.
    #[arg(long)]
    pub source: String,

    /// The cache that replicas share.
    #[arg(long, default_value = "/cache")]
    pub cache: PathBuf,

    /// The folder of this model in the cache.
    #[arg(long)]
    pub folder: String,

    /// Delete models of the cache that nothing holds, those first that were used longest ago, where there is too little
    /// room. For caches whose replicas all run `flotilla-fetch hold`, on one node.
    #[arg(long)]
    pub make_room: bool,

    /// The SHA-256 of the file, in hex.
    #[arg(long)]
    pub sha256: Option<String>,

    /// The hub or the S3 API to ask instead of the usual one.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,

    /// The region that S3 requests are signed for.
    #[arg(long, default_value = DEFAULT_REGION)]
    pub region: String,

    /// The token for a hub or a web server.
    #[arg(long, env = "FLOTILLA_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// The access key of S3.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide_env_values = true)]
    pub access_key_id: Option<String>,

    /// Its secret.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: Option<String>,

    /// The token of temporary S3 credentials.
    #[arg(long, env = "AWS_SESSION_TOKEN", hide_env_values = true)]
    pub session_token: Option<String>,

    /// Certificate authorities beside the public ones, in PEM.
    #[arg(long, env = "FLOTILLA_CA_PEM", hide_env_values = true)]
    pub ca_pem: Option<String>,

    /// Where the cause of a failure is written.
    #[arg(long, default_value = "/dev/termination-log")]
    pub termination_file: PathBuf,
}

/// What is wrong with the options.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It cannot be asked for.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The folder is no name.
    #[error("--folder {0:?} is not the name of a folder")]
    Folder(String),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Options {
    /// What is to be done.
    ///
    /// # Errors
    /// If an option cannot be what it should be.
    pub fn job(&self) -> Result<Job, UsageError> {
        if self.folder.is_empty() || self.folder.starts_with('.') || self.folder.contains('/') {
            return Err(UsageError::Folder(self.folder.clone()));
        }
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let endpoint = given(&self.endpoint);
        let place = Place { endpoint: endpoint.as_deref(), region: Some(&self.region) };
        let credentials = Credentials {
            token: given(&self.token),
            access_key: given(&self.access_key_id).zip(given(&self.secret_access_key)),
            session_token: given(&self.session_token),
        };
        let sha256 = given(&self.sha256).map(|digits| digits.to_ascii_lowercase());
        Ok(Job {
            remote: remote(&Source::parse(&self.source)?, place, credentials, sha256)?,
            cache: self.cache.clone(),
            folder: self.folder.clone(),
            client: HttpClient::new(given(&self.ca_pem).as_deref())?,
            patience: Patience::default(),
            make_room: self.make_room,
        })
    }
}
