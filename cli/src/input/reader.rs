//! Reads the heads of model files, wherever they lie.

use super::file;
use super::location::Location;
use super::login::credentials;
use crate::args::Reading;
use crate::error::CliError;
use flotilla_model_source::Source;
use flotilla_model_source::origin::{Credentials, HUB};
use flotilla_operator::internal_hosts::InternalHosts;
use flotilla_operator::model_deployment::file::AtSource;
use flotilla_operator::model_file::read::oci::{Image, Transport, TransportOptions};
use flotilla_operator::model_file::read::{HttpsClient, HttpsFile, LocalFile, ReadError, SourceFile};
use flotilla_operator::model_file::{ModelFile, ModelFileError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Where a token for the hub is kept, by the hub's own tools too.
const TOKEN: &str = "HF_TOKEN";
/// The longest that one file may take, unless the flags say otherwise.
const DEADLINE: Duration = Duration::from_mins(1);
/// Certificate authorities: a bundle of all public ones has 300 KB.
const LARGEST_AUTHORITIES: u64 = 4 << 20;

/// Reads one file after the other.
pub(super) struct Reader<'a> {
    flags: &'a Reading,
    runtime: Runtime,
}

impl<'a> Reader<'a> {
    pub(super) fn new(flags: &'a Reading) -> Result<Self, CliError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let failed =
            |error: std::io::Error| CliError::Usage(format!("no input or output is to be had: {error}"));
        Ok(Self { flags, runtime: runtime.map_err(failed)? })
    }

    /// Whether the network may be used.
    pub(super) const fn online(&self) -> bool {
        !self.flags.offline
    }

    /// What the file says.
    pub(super) fn read(&self, location: &Location) -> Result<ModelFile, CliError> {
        if self.flags.offline && !matches!(location, Location::Path(_)) {
            let usage = "--offline reads no URL: leave it out, or download the file and name its path";
            return Err(CliError::Usage(usage.to_owned()));
        }
        let deadline = self.flags.timeout.unwrap_or(DEADLINE);
        let reading = async {
            match location {
                Location::Path(path) => local(path).await,
                Location::Url(url) => self.url(url).await,
                Location::Source(source) => self.source(source).await,
                Location::Image { reference, file } => {
                    let transport = Arc::new(self.transport(&reference.registry, deadline)?);
                    let image = Image::open(&transport, reference, credentials(&reference.registry)).await?;
                    Ok(ModelFile::read(&image.file(file).await?).await?)
                }
            }
        };
        let late = |_| Err(late(location, deadline));
        self.runtime.block_on(async { tokio::time::timeout(deadline, reading).await.unwrap_or_else(late) })
    }

    async fn url(&self, url: &str) -> Result<ModelFile, CliError> {
        let token = variable(TOKEN).filter(|_| is_hub(url));
        let file = HttpsFile::new(self.client()?, url, token).map_err(|error| usage(&error))?;
        Ok(ModelFile::read(&file).await?)
    }

    async fn source(&self, source: &AtSource) -> Result<ModelFile, CliError> {
        let origin = source.origin(credentials_for_source(source)).map_err(|error| usage(&error))?;
        let file = SourceFile::new(self.client()?, origin).map_err(ModelFileError::from)?;
        Ok(ModelFile::read(&file).await?)
    }

    /// One that asks whom it is told to: who runs the command reaches these hosts anyway.
    fn client(&self) -> Result<HttpsClient, CliError> {
        let all = InternalHosts { allowed: true, api_server: None };
        HttpsClient::new(self.authorities()?.as_deref(), all).map_err(|error| usage(&error))
    }

    fn authorities(&self) -> Result<Option<Vec<u8>>, CliError> {
        let name = self.flags.registry_ca_file.as_deref();
        name.map(|name| file::bytes(name, LARGEST_AUTHORITIES)).transpose()
    }

    fn transport(&self, registry: &str, deadline: Duration) -> Result<Transport, CliError> {
        let extra_roots = self.authorities()?;
        let plain_http = self.flags.plain_http.then(|| registry.to_owned());
        let plain_http: BTreeSet<_> = plain_http.into_iter().collect();
        let options = TransportOptions { plain_http, extra_roots, deadline };
        Transport::new(options).map_err(|error| usage(&error))
    }
}

async fn local(path: &Path) -> Result<ModelFile, CliError> {
    let file = LocalFile::open(path).await.map_err(ModelFileError::from)?;
    Ok(ModelFile::read(&file).await?)
}

/// As whom a source is asked: the hub's token is sent to the hub alone, not to mirrors.
fn credentials_for_source(source: &AtSource) -> Credentials {
    let is_hub = source.endpoint.as_deref().is_none_or(is_hub);
    match &source.source {
        Source::S3(_) => Credentials::of_environment(variable),
        Source::HuggingFace(_) if is_hub => Credentials { token: variable(TOKEN), ..Credentials::default() },
        _ => Credentials::default(),
    }
}

fn is_hub(url: &str) -> bool {
    format!("{url}/").starts_with(HUB)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn usage(error: &dyn std::error::Error) -> CliError {
    CliError::Usage(error.to_string())
}

fn late(location: &Location, deadline: Duration) -> CliError {
    let name = match location {
        Location::Path(path) => path.display().to_string(),
        Location::Url(url) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        Location::Image { reference, file } => format!("{reference}#{file}"),
        Location::Source(source) => source.to_string(),
    };
    ModelFileError::from(ReadError::Deadline { name, deadline }).into()
}
