//! From the command line and what it names to what is to be sized.

mod engine;
mod file;
mod manifest;
mod model_file;
mod schema;
mod settings;

use crate::args::SizeArgs;
use crate::case::Subject;
use crate::error::CliError;
use settings::Settings;

/// Reads everything that the command line names.
pub fn subjects(args: &SizeArgs) -> Result<Vec<Subject>, CliError> {
    let settings = Settings::new(args)?;
    let source = &args.source;
    if let Some(name) = &source.preset {
        return Ok(vec![settings.preset(name)?]);
    }
    if let Some(name) = &source.config_json {
        return Ok(vec![settings.config(name, model_file::config(name)?)?]);
    }
    if let Some(name) = &source.gguf {
        return Ok(vec![settings.model_file(name, model_file::learn(name)?)?]);
    }
    let mut subjects = Vec::new();
    for name in &source.filename {
        for object in manifest::objects(name, &file::text(name)?)? {
            subjects.push(settings.manifest(&object)?);
        }
    }
    Ok(subjects)
}
