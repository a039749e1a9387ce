//! Reads the heads of model files, wherever they lie.

use super::file;
use super::location::{HUB, Location};
use super::login::credentials;
use crate::args::Reading;
use crate::error::CliError;
use flotilla_operator::model_file::read::oci::{Image, Transport, TransportOptions};
use flotilla_operator::model_file::read::{HttpsClient, HttpsFile, LocalFile, ReadError};
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
/// Authorities of registries: a bundle of all public ones has 300 KB.
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
                Location::Url(url) => remote(url).await,
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

    fn transport(&self, registry: &str, deadline: Duration) -> Result<Transport, CliError> {
        let authorities = self.flags.registry_ca_file.as_deref();
        let extra_roots = authorities.map(|name| file::bytes(name, LARGEST_AUTHORITIES)).transpose()?;
        let plain_http = self.flags.plain_http.then(|| registry.to_owned());
        let plain_http: BTreeSet<_> = plain_http.into_iter().collect();
        let options = TransportOptions { plain_http, extra_roots, deadline };
        Transport::new(options).map_err(|error| CliError::Usage(error.to_string()))
    }
}

async fn local(path: &Path) -> Result<ModelFile, CliError> {
    let file = LocalFile::open(path).await.map_err(ModelFileError::from)?;
    Ok(ModelFile::read(&file).await?)
}

async fn remote(url: &str) -> Result<ModelFile, CliError> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty() && url.starts_with(HUB));
    let usage = |error: &dyn std::error::Error| CliError::Usage(error.to_string());
    let client = HttpsClient::new().map_err(|error| usage(&error))?;
    let file = HttpsFile::new(client, url, token).map_err(|error| usage(&error))?;
    Ok(ModelFile::read(&file).await?)
}

fn late(location: &Location, deadline: Duration) -> CliError {
    let name = match location {
        Location::Path(path) => path.display().to_string(),
        Location::Url(url) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        Location::Image { reference, file } => format!("{reference}#{file}"),
    };
    ModelFileError::from(ReadError::Deadline { name, deadline }).into()
}
