//! The heads of model files, of this machine or behind a URL.

use super::file;
use crate::error::CliError;
use flotilla_operator::model_file::ModelFile;
use flotilla_operator::model_file::config_json::{self, ConfigFacts};
use flotilla_operator::model_file::read::{HttpsClient, HttpsFile, LocalFile};
use std::path::Path;

/// Where a token for the hub below is kept, by the hub's own tools too.
const TOKEN: &str = "HF_TOKEN";
/// The only host that the token is sent to.
const HUB: &str = "https://huggingface.co/";

/// What the file `name`, a path or URL, says about its model.
pub(super) fn learn(name: &str) -> Result<ModelFile, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed = |error: std::io::Error| CliError::Read { name: name.to_owned(), reason: error.to_string() };
    runtime.map_err(failed)?.block_on(async {
        if !name.contains("://") {
            let file =
                LocalFile::open(Path::new(name)).await.map_err(|error| CliError::ModelFile(error.into()))?;
            return Ok(ModelFile::read(&file).await?);
        }
        let unusable = |reason: String| CliError::Read { name: name.to_owned(), reason };
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty() && name.starts_with(HUB));
        let client = HttpsClient::new().map_err(|error| unusable(error.to_string()))?;
        let file = HttpsFile::new(client, name, token).map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(ModelFile::read(&file).await?)
    })
}

/// What the config.json `name` says.
pub(super) fn config(name: &str) -> Result<ConfigFacts, CliError> {
    let bytes = file::bytes(name, config_json::MAX_BYTES as u64)?;
    config_json::parse(&bytes).map_err(|error| CliError::Config { name: file::shown(name), error })
}
