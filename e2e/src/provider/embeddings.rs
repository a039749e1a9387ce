//! OpenAI's Embeddings: a small vector for each input, and a bill for its words.

use super::api::{Api, Asked, Piece, words_in};
use super::{Script, openai};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;

pub(super) const API: Api = Api {
    path: "/v1/embeddings",
    key: openai::key,
    ask,
    whole,
    events: whole,
    error: openai::error,
    error_event: openai::error_event,
    overflow: openai::overflow,
};

#[derive(Deserialize)]
struct Body {
    model: String,
    input: Input,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

fn ask(_: &HeaderMap, body: &[u8]) -> Result<Asked, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let prompt_tokens = match &body.input {
        Input::One(text) => words_in(text),
        Input::Many(texts) => texts.iter().map(|text| words_in(text)).sum(),
    };
    Ok(Asked { model: body.model, prompt_tokens, ..Asked::default() })
}

fn whole(asked: &Asked, _: &Script) -> Vec<Piece> {
    let body = json!({
        "object": "list", "model": asked.model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}],
        "usage": {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens},
    });
    vec![(body.to_string().into(), 0)]
}
