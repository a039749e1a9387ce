//! Where a model's file lies, as somebody may read it. A new kind of place is a file here, a variant of [`Place`] with
//! its arm, and a line in [`KINDS`].

mod image;
mod remote;

pub use image::InImage;
pub use remote::{AtSource, SecretRef};

use super::entry::Head;
use super::failure::Words;
use super::{Failure, Readers};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EngineType;
use flotilla_model_source::Source;
use futures::future::BoxFuture;
use std::fmt;

/// One file, as somebody may read it: credentials are part of it by their names. What one namespace may read, another
/// may not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In an image of a registry.
    Image(InImage),
    /// On a hub, in a bucket or on a web server.
    Source(AtSource),
}

/// What all kinds of places do.
pub(super) trait Readable: fmt::Display + Send + Sync {
    /// Which host is asked, for messages.
    fn host(&self) -> String;

    /// The reasons of its failures.
    fn words(&self) -> &'static Words;

    /// Whether what lies there may be another tomorrow.
    fn may_move(&self) -> bool;

    /// Reads the head, unless the file is still the one that `known` was read from.
    fn read<'a>(&'a self, readers: &'a Readers, known: Option<Head>) -> BoxFuture<'a, Result<Head, Failure>>;
}

/// The place of an object's source, if it is of the kind.
type Kind = fn(&ModelDeployment, &Source) -> Option<Result<Place, Failure>>;

const KINDS: [Kind; 2] = [InImage::of, AtSource::of];

impl Place {
    /// Where the file of an object is read; none where it is not looked at.
    ///
    /// # Errors
    /// If the source names no place that there can be.
    pub fn of(object: &ModelDeployment) -> Result<Option<Self>, Failure> {
        let spec = &object.spec;
        let declared = spec.placement.as_ref().is_some_and(|placement| placement.gpu_memory.is_some());
        if spec.engine.engine_type != EngineType::LlamaCpp || declared {
            return Ok(None);
        }
        let source = spec.model.source.as_deref().and_then(|text| Source::parse(text).ok());
        source.and_then(|source| KINDS.iter().find_map(|kind| kind(object, &source))).transpose()
    }

    /// What all kinds of places do.
    pub(super) fn readable(&self) -> &dyn Readable {
        match self {
            Self::Image(image) => image,
            Self::Source(source) => source,
        }
    }
}

impl fmt::Display for Place {
    /// For people, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.readable().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn place(model: &Value) -> Option<Place> {
        let object = json!({"apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "m", "namespace": "apps"}, "spec": {"model": model}});
        Place::of(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn what_cannot_move_is_told_from_what_can() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let sha256 = "0123456789abcdef".repeat(4);
        for (source, sha256, moves) in [
            ("oci://r.example/m:1".to_owned(), None, true),
            (format!("oci://r.example/m@sha256:{sha256}"), None, false),
            ("hf://o/n/m.gguf".to_owned(), None, true),
            ("hf://o/n/m.gguf@v1.0".to_owned(), None, true),
            (format!("hf://o/n/m.gguf@{commit}"), None, false),
            ("hf://o/n/m.gguf".to_owned(), Some(&sha256), false),
            ("s3://b/m.gguf".to_owned(), None, true),
            ("https://h/m.gguf".to_owned(), None, true),
            ("https://h/m.gguf".to_owned(), Some(&sha256), false),
        ] {
            let place = place(&json!({"source": source, "sha256": sha256})).unwrap();
            assert_eq!(place.readable().may_move(), moves, "{source}");
        }
    }

    #[test]
    fn volumes_and_whole_repositories_are_not_read() {
        for source in ["pvc://c/m.gguf", "file:///srv/models/m.gguf", "hf://owner/name"] {
            assert_eq!(place(&json!({"source": source})), None, "{source}");
        }
    }

    #[test]
    fn places_differ_by_what_is_asked_and_as_whom_and_show_no_secret() {
        let url = "https://h.example/m.gguf?sig=s3cret";
        let places = [
            place(&json!({"source": url})),
            place(&json!({"source": url, "credentialsRef": {"name": "a"}})),
            place(&json!({"source": url, "credentialsRef": {"name": "a", "key": "k"}})),
            place(&json!({"source": "hf://o/n/m.gguf"})),
            place(&json!({"source": "hf://o/n/m.gguf", "endpoint": "https://mirror.example"})),
            place(&json!({"source": "s3://o/n/m.gguf"})),
            place(&json!({"source": "s3://o/n/m.gguf", "region": "eu-west-1"})),
        ];
        for (at, place) in places.iter().enumerate() {
            assert!(place.is_some() && !places[at + 1..].contains(place), "{place:?}");
            assert!(!place.as_ref().unwrap().to_string().contains("s3cret"));
        }
        assert_eq!(places[4].as_ref().unwrap().readable().host(), "mirror.example");
    }
}
