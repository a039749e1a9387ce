//! The images: every component of Flotilla, the engine and the client of the tests, and models.

mod catalogue;
mod debian;
mod gguf;
mod models;
mod python;
mod rust;
mod shape;
mod store;

use std::path::Path;

use crate::{bed::Paths, error::Result, oci};

pub use catalogue::{NAMES, build_and_push};
pub use models::SMOLLM2_SHA256;

/// Pushes the image that holds a pod's namespaces. Its only file is the pause program.
///
/// # Errors
/// If it cannot be written or pushed.
pub(crate) fn push_pause(paths: &Paths, program: &Path, reference: &str) -> Result<()> {
    let store = store::Store::open(paths)?;
    let layer = store.layer(&["pause", &store::fingerprint(program)?], oci::Compression::Gzip, |layer| {
        layer.copy("pause", 0o755, program).map(drop)
    })?;
    let config =
        oci::Config { entrypoint: vec!["/pause".into()], user: "65532:65532".into(), ..Default::default() };
    let image = oci::Image::write(&store.layout("flotilla/pause"), &config, &[layer])?;
    oci::push(&image, reference, true).map(drop)
}
