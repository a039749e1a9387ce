//! See `operator/src/model_file`.

#[path = "../../../operator/src/model_file/config_json/mod.rs"]
pub mod config_json;
#[path = "../../../operator/src/model_file/facts.rs"]
mod facts;
#[path = "../../../operator/src/model_file/gguf/mod.rs"]
pub mod gguf;
#[path = "../../../operator/src/model_file/guess.rs"]
mod guess;
#[path = "../../../operator/src/model_file/learn.rs"]
mod learn;
#[path = "../../../operator/src/model_file/note.rs"]
mod note;
#[path = "../../../operator/src/model_file/safetensors/mod.rs"]
pub mod safetensors;
pub mod read;

pub use facts::{FileWeights, Format, ModelFile};
pub use note::Note;
