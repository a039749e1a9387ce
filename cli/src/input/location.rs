//! Where a model's file lies, as people write it.

use crate::error::CliError;
use flotilla_model_source::{OciImage, Source};
use flotilla_operator::model_deployment::file::AtSource;
use flotilla_operator::model_file::read::oci::Reference;
use std::path::PathBuf;

/// Where a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// On this machine.
    Path(PathBuf),
    /// Behind an http or https URL.
    Url(String),
    /// Where a manifest's source says.
    Source(AtSource),
    /// In an image.
    Image {
        /// The image.
        reference: Reference,
        /// Its path in the image.
        file: String,
    },
}

impl Location {
    /// Reads a path or URL. What has no scheme is a path.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Path(text.into()));
        };
        match scheme {
            "http" | "https" => Ok(Self::Url(text.to_owned())),
            "file" if rest.starts_with('/') => Ok(Self::Path(rest.into())),
            "file" => {
                Err(CliError::Usage(format!("{text} names no file of this machine: write file:///PATH")))
            }
            "hf" => on_hub(text).map(Self::Source).ok_or_else(|| {
                CliError::Usage(format!(
                    "{text} names no file of the hub: write hf://OWNER/NAME/FILE@REVISION"
                ))
            }),
            "oci" => match Source::parse(text).map_err(|error| CliError::Usage(error.to_string()))? {
                Source::Oci(OciImage { reference, file }) => {
                    let reference = Reference::parse(&reference).map_err(CliError::Image)?;
                    Ok(Self::Image { reference, file })
                }
                _ => Err(elsewhere(text)),
            },
            _ => Err(elsewhere(text)),
        }
    }
}

/// Queries of URLs may hold secrets.
fn elsewhere(text: &str) -> CliError {
    let shown = text.split('?').next().unwrap_or_default();
    CliError::Usage(format!(
        "{shown} cannot be read from here: name a path, or an https://, oci:// or hf:// URL"
    ))
}

/// One file on the hub.
fn on_hub(text: &str) -> Option<AtSource> {
    let source = Source::parse(text).ok().filter(|source| !source.file().is_empty())?;
    Some(AtSource { source, endpoint: None, region: None, sha256: None, secret: None })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_their_scheme() {
        let url = |url: &str| Location::Url(url.to_owned());
        for (text, location) in [
            ("m.gguf", Location::Path("m.gguf".into())),
            ("file:///models/m.gguf", Location::Path("/models/m.gguf".into())),
            ("http://host/m.gguf?a=1", url("http://host/m.gguf?a=1")),
        ] {
            assert_eq!(Location::parse(text).unwrap(), location, "{text}");
        }
        assert!(matches!(Location::parse("hf://owner/name/dir/m.gguf@v1"), Ok(Location::Source(_))));
        let Location::Image { reference, file } = Location::parse("oci://reg.example/m:1").unwrap() else {
            unreachable!("an image");
        };
        assert_eq!((reference.to_string().as_str(), file.as_str()), ("reg.example/m:1", "model.gguf"));
    }

    #[test]
    fn places_that_cannot_be_read_are_refused_without_their_secrets() {
        for text in
            ["ftp://host/m?key=1", "pvc://claim/m.gguf", "file://host/m", "hf://owner/name", "oci://x"]
        {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(!error.contains("key=1"), "{error}");
        }
    }
}
