//! A stand-in for where models come from: Hugging Face's hub protocol, GET of the S3 API and plain files on the wire,
//! scripted faults, and a memory of what was asked.
//!
//! `GET /OWNER/REPOSITORY/resolve/REVISION/FILE` redirects to storage, `GET /api/models/OWNER/REPOSITORY/revision/REVISION` lists,
//! `GET /BUCKET/KEY?X-Amz-…` (signatures are checked) and `GET /files/FILE` answer at once. `GET /_seen` tells what came, `POST /_script` changes
//! what happens next (see [`Script`]).

mod content;
mod script;
mod server;
mod signature;

pub use content::Contents;
pub use script::{Asked, Fault, Script};
pub use server::{Hub, Options};
pub use signature::AccessKey;
