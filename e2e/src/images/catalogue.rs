//! Which images there are and what each is made of.

use std::path::Path;

use super::{
    debian,
    models::Model,
    python, rust,
    store::{self, Store},
};
use crate::{
    bed::{self, Paths, repository},
    error::{Error, Result},
    oci::{self, Blob, Compression, Config, Image},
    progress::Step,
};

/// Who runs in the images: nobody in particular.
const USER: &str = "65532:65532";

/// One image.
struct Entry {
    /// Short name for `--only`.
    name: &'static str,
    /// Repository and tag below the registry.
    reference: &'static str,
    recipe: Recipe,
}

/// What an image is made of.
enum Recipe {
    /// A program of the workspace.
    Program { package: &'static str, program: &'static str },
    /// A script and wheels; both lie in `e2e/images/NAME`.
    Python { entrypoint: &'static [&'static str], files: &'static [&'static str] },
    /// A model file.
    Model(Model),
}

const CATALOGUE: &[Entry] = &[
    Entry {
        name: "operator",
        reference: "flotilla/operator:dev",
        recipe: Recipe::Program { package: "flotilla-operator", program: "flotilla-operator" },
    },
    Entry {
        name: "router",
        reference: "flotilla/router:dev",
        recipe: Recipe::Program { package: "flotilla-router", program: "flotilla-router" },
    },
    Entry {
        name: "fetch",
        reference: "flotilla/fetch:dev",
        recipe: Recipe::Program { package: "flotilla-model-fetcher", program: "flotilla-fetch" },
    },
    Entry {
        name: "fake-hub",
        reference: "flotilla/fake-hub:dev",
        recipe: Recipe::Program { package: "flotilla-fake-hub", program: "flotilla-fake-hub" },
    },
    Entry {
        name: "fake-provider",
        reference: "flotilla/fake-provider:dev",
        recipe: Recipe::Program { package: "flotilla-e2e", program: "flotilla-fake-provider" },
    },
    Entry {
        name: "engine-llamacpp",
        reference: "flotilla/engine-llamacpp:dev",
        recipe: Recipe::Python { entrypoint: &["/usr/local/bin/llama-server"], files: &["llama-server"] },
    },
    Entry {
        name: "openai-client",
        reference: "flotilla/openai-client:dev",
        recipe: Recipe::Python { entrypoint: &["/usr/bin/python3.11"], files: &[] },
    },
    Entry {
        name: "model-smollm2",
        reference: "models/smollm2-135m:q4_1",
        recipe: Recipe::Model(Model::SmolLm2),
    },
    Entry { name: "model-tiny", reference: "models/tiny:f16", recipe: Recipe::Model(Model::Tiny) },
    Entry {
        name: "model-tiny-adapter",
        reference: "models/tiny-adapter:f16",
        recipe: Recipe::Model(Model::TinyAdapter),
    },
    Entry { name: "model-hollow", reference: "models/hollow:f16", recipe: Recipe::Model(Model::Hollow) },
    Entry { name: "model-shallow", reference: "models/shallow:f16", recipe: Recipe::Model(Model::Shallow) },
    Entry {
        name: "model-windowed",
        reference: "models/windowed:q8_0",
        recipe: Recipe::Model(Model::Windowed),
    },
    Entry {
        name: "model-truncated",
        reference: "models/truncated:q4_1",
        recipe: Recipe::Model(Model::Truncated),
    },
];

/// Names for `--only`.
pub const NAMES: [&str; CATALOGUE.len()] = {
    let mut names = [""; CATALOGUE.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = CATALOGUE[index].name;
        index += 1;
    }
    names
};

/// Builds images and pushes those that the registry does not have; all of them if `only` is empty.
///
/// # Errors
/// If a name is unknown, a part cannot be made, or the registry refuses.
pub fn build_and_push(paths: &Paths, registry: &str, only: &[String], insecure: bool) -> Result<()> {
    if let Some(unknown) = only.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(Error::Content(format!("there is no image {unknown}; there are {}", NAMES.join(", "))));
    }
    bed::install_packages(&["skopeo"])?;
    let store = Store::open(paths)?;
    for entry in CATALOGUE {
        if only.is_empty() || only.iter().any(|name| name == entry.name) {
            entry.make(paths, &store, registry, insecure)?;
        }
    }
    store.prune()
}

impl Entry {
    fn make(&self, paths: &Paths, store: &Store, registry: &str, insecure: bool) -> Result<()> {
        let program = match self.recipe {
            Recipe::Program { package, program } => Some(rust::binary(package, program)?),
            Recipe::Python { .. } | Recipe::Model(_) => None,
        };
        let step = Step::start(format!("image {}", self.reference));
        let (mut config, layers) = match self.recipe {
            Recipe::Program { program: name, .. } => program_image(paths, store, name, program.as_deref())?,
            Recipe::Python { entrypoint, files } => python_image(paths, store, self.name, entrypoint, files)?,
            Recipe::Model(model) => (Config::default(), vec![model.layer(paths, store)?]),
        };
        config.labels = vec![
            ("org.opencontainers.image.title".into(), self.name.into()),
            ("org.opencontainers.image.licenses".into(), "Apache-2.0".into()),
        ];
        let name = self.reference.split(':').next().unwrap_or(self.reference);
        let image = Image::write(&store.layout(name), &config, &layers)?;
        let reference = format!("{registry}/{}", self.reference);
        let pushed = oci::push(&image, &reference, insecure)?;
        if pushed && registry == bed::REGISTRY {
            // The tag stays the same, so the nodes would go on with what they pulled before.
            bed::forget_image(paths, &reference)?;
        }
        let size = layers.iter().map(|layer| layer.size).sum::<u64>() / 1_000_000;
        step.done_with(&format!(" {size} MB, {}", if pushed { "pushed" } else { "unchanged" }));
        Ok(())
    }
}

fn program_image(
    paths: &Paths,
    store: &Store,
    name: &str,
    program: Option<&Path>,
) -> Result<(Config, Vec<Blob>)> {
    let base = debian::base(paths, store, debian::MINIMAL)?;
    let target = format!("usr/local/bin/{name}");
    let program = program.ok_or_else(|| Error::Content(format!("{name} was not compiled")))?;
    let fingerprint = store::fingerprint(program)?;
    let layer = store.layer(&["program", name, &fingerprint], Compression::Gzip, |layer| {
        layer.copy(&target, 0o755, program).map(drop)
    })?;
    let config = Config { entrypoint: vec![format!("/{target}")], user: USER.into(), ..Config::default() };
    Ok((config, vec![base, layer]))
}

fn python_image(
    paths: &Paths,
    store: &Store,
    name: &str,
    entrypoint: &[&str],
    files: &[&str],
) -> Result<(Config, Vec<Blob>)> {
    let source = repository().join("e2e/images").join(name);
    let base = debian::base(paths, store, debian::PYTHON)?;
    let wheels = python::wheels(store, &source.join("requirements.txt"))?;
    let mut layers = vec![base, wheels];
    for file in files {
        let path = source.join(file);
        layers.push(store.layer(
            &["script", file, &store::fingerprint(&path)?],
            Compression::Gzip,
            |layer| layer.copy(Path::new("usr/local/bin").join(file), 0o755, &path).map(drop),
        )?);
    }
    let config = Config {
        entrypoint: entrypoint.iter().map(|&word| word.to_owned()).collect(),
        env: vec![
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("PYTHONPATH".into(), format!("/{}", python::FOLDER)),
            ("PYTHONUNBUFFERED".into(), "1".into()),
            ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
        ],
        user: USER.into(),
        labels: Vec::new(),
    };
    Ok((config, layers))
}
