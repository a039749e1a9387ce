//! Where models come from, as the operator, the fetcher and `kubectl flotilla` agree on it: the forms of
//! `spec.model.source`, where their files are asked for, the names of folders in a cache, what parts of a file servers
//! answer with, and what a fetcher reports. No client; only signatures look at the clock.

mod content_range;
mod folder;
mod hex;
pub mod origin;
pub mod report;
mod scheme;
mod shards;
mod source;

pub use content_range::ContentRange;
pub use folder::folder;
pub use hex::hex;
pub use scheme::{HuggingFace, NodeFile, OciImage, S3Object, VolumeFile, WebFile};
pub use shards::{MAX_SHARDS, ShardName};
pub use source::{Source, SourceError};
