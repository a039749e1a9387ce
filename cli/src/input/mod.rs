//! From the command line and what it names to what is to be sized.

mod adapters;
mod behind;
mod engine;
mod file;
mod location;
mod login;
mod manifest;
mod reader;
mod schema;
mod settings;

pub(crate) use file::text;

use crate::args::SizeArgs;
use crate::case::Subject;
use crate::error::CliError;
use behind::behind;
use flotilla_crds::{ModelDeployment, RoutingPolicy};
use flotilla_operator::model_file::config_json::{self, ConfigFacts};
use location::Location;
use reader::Reader;
use settings::Settings;

/// Reads everything that the command line names.
pub fn subjects(args: &SizeArgs) -> Result<Vec<Subject>, CliError> {
    let settings = Settings::new(args)?;
    let source = &args.source;
    if let Some(name) = &source.preset {
        return Ok(vec![settings.preset(name)?]);
    }
    if let Some(name) = &source.config_json {
        return Ok(vec![settings.config(name, config(name)?)?]);
    }
    let reader = Reader::new(&args.reading)?;
    if let Some(name) = &source.gguf {
        return Ok(vec![settings.model_file(name, reader.read(&Location::parse(name)?)?)?]);
    }
    let mut subjects = Vec::new();
    for name in &source.filename {
        for object in manifest::objects::<ModelDeployment>(name, &file::text(name)?)? {
            subjects.push(settings.manifest(&object, behind(&object, &reader))?);
        }
    }
    Ok(subjects)
}

/// The `ModelDeployment`s in these files, as they are.
pub fn objects(files: &[String]) -> Result<Vec<ModelDeployment>, CliError> {
    let read = |name: &String| manifest::objects(name, &file::text(name)?);
    Ok(files.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The RoutingPolicies in a file's text.
pub(crate) fn policies(name: &str, text: &str) -> Result<Vec<RoutingPolicy>, CliError> {
    manifest::objects(name, text)
}

/// What the config.json `name` says.
fn config(name: &str) -> Result<ConfigFacts, CliError> {
    let bytes = file::bytes(name, config_json::MAX_BYTES as u64)?;
    config_json::parse(&bytes).map_err(|error| CliError::Config { name: file::shown(name), error })
}
