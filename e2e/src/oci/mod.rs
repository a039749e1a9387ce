//! Writing OCI images without a container engine. The same content always gives the same digest: times are
//! zero, owners are root, entries are sorted.

mod image;
mod layer;
mod push;

pub use image::{Config, Image};
pub use layer::{Blob, Compression, LayerBuilder};
pub use push::push;
