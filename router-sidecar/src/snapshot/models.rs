//! The OpenAI shapes of a model and of the list of models.

use bytes::Bytes;
use serde::Serialize;

/// One model, as OpenAI describes it.
#[derive(Debug, Serialize)]
pub(crate) struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

impl<'a> Model<'a> {
    pub(crate) fn new(id: &'a str, created: i64) -> Self {
        Self { id, object: "model", created, owned_by: "flotilla" }
    }
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

/// The body of `GET /v1/models`, in the order of the config.
pub(super) fn list<'a>(models: impl Iterator<Item = &'a str>, created: i64) -> Bytes {
    let list = List { object: "list", data: models.map(|id| Model::new(id, created)).collect() };
    // Plain structs of strings and numbers: serialising them into memory cannot fail.
    Bytes::from(serde_json::to_vec(&list).unwrap_or_default())
}
