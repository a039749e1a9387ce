//! Answers that say "the prompt does not fit into my context window", in each engine's words.

use super::Failure;
use http::StatusCode;
use serde::Deserialize;

/// One dialect: a code or type that says it, or words in the message that do. In lower case.
struct Dialect {
    /// `error.code` or `error.type`.
    marks: &'static [&'static str],
    /// Parts of `error.message`.
    words: &'static [&'static str],
}

/// A dialect a line.
const DIALECTS: &[Dialect] = &[
    // OpenAI, and what follows its codes.
    Dialect { marks: &["context_length_exceeded"], words: &["maximum context length is"] },
    // vLLM: `max_model_len` checks of its OpenAI server, before and since it has renderers, and of its engine.
    Dialect {
        marks: &[],
        words: &[
            "maximum context length is",
            "model's context length is only",
            "longer than the maximum model length",
        ],
    },
    // SGLang: its tokenizer manager, and its scheduler, whose words come in a stream's first event as well.
    Dialect {
        marks: &[],
        words: &[
            "longer than the model's context length",
            "exceeds the model's maximum context length",
            "tokens) exceeds the maximum allowed length (",
        ],
    },
    // Anthropic, after translation: the prompt alone, and with its limit of the answer.
    Dialect { marks: &[], words: &["prompt is too long", "exceed context limit"] },
    // llama.cpp: llama-server, since and before its error type, and for embeddings, which must fit into one batch.
    Dialect {
        marks: &["exceed_context_size_error"],
        words: &[
            "exceeds the available context size",
            "larger than the max context size",
            "too large to process. increase the physical batch size",
        ],
    },
];

/// What of the target's message goes on to the client.
const MESSAGE_AT_MOST: usize = 300;

/// Statuses of refusals under which any of the dialects comes.
pub(super) fn may_have(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// The status of failures under which one comes: llama-server says it of inputs that are too large for it.
pub(super) fn may_be(failed: StatusCode) -> bool {
    failed == StatusCode::INTERNAL_SERVER_ERROR
}

/// OpenAI nests the error, older vLLM and SGLang put it at the top.
#[derive(Deserialize)]
struct Envelope {
    error: Option<ErrorBody>,
    #[serde(flatten)]
    top: ErrorBody,
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    message: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// A string with OpenAI, the status with others.
    #[serde(default)]
    code: serde_json::Value,
}

/// The target's message, if the body of its error says that the prompt does not fit.
pub(super) fn recognise(body: &[u8]) -> Option<String> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    let error = envelope.error.unwrap_or(envelope.top);
    let message = error.message.to_lowercase();
    let marks = [error.code.as_str(), error.kind.as_deref()];
    let says = |dialect: &Dialect| {
        marks.iter().flatten().any(|mark| dialect.marks.contains(mark))
            || dialect.words.iter().any(|words| message.contains(words))
    };
    DIALECTS.iter().any(says).then(|| error.message.chars().take(MESSAGE_AT_MOST).collect())
}

/// What an error in the place of content says.
pub(super) fn failure_of(error: &[u8]) -> Failure {
    recognise(error).map_or(Failure::ErrorEvent, Failure::ContextOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_is_recognised_by_its_own_words() {
        for body in [
            // OpenAI.
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}"#,
            // vLLM.
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4800 in the messages, 200 in the completion).","type":"BadRequestError","param":null,"code":400}"#,
            r#"{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096.","type":"BadRequestError","param":null,"code":400}}"#,
            r#"{"error":{"message":"You passed 4097 input tokens and requested 200 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 3896 tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=4097)","type":"BadRequestError","param":"input_tokens","code":400}}"#,
            r#"{"error":{"message":"You passed 90000 input characters and requested 0 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 4096 tokens (at most 65536 characters).","type":"BadRequestError","param":"input_text","code":400}}"#,
            // SGLang.
            r#"{"object":"error","message":"Input length (5000 tokens) exceeds the maximum allowed length (4091 tokens). Use a shorter input or enable --allow-auto-truncate.","type":"BadRequestError","param":null,"code":400}"#,
            r#"{"object":"error","message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","param":null,"code":400}"#,
            r#"{"object":"error","message":"Requested token count exceeds the model's maximum context length of 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
            // Anthropic, after translation.
            r#"{"error":{"message":"prompt is too long: 210043 tokens > 200000 maximum","type":"invalid_request_error","param":null,"code":null}}"#,
            r#"{"error":{"message":"input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again","type":"invalid_request_error"}}"#,
            // llama.cpp.
            r#"{"error":{"code":400,"message":"request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"invalid_request_error"}}"#,
            r#"{"error":{"code":500,"message":"input (700 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#,
            r#"{"error":{"code":500,"message":"input is too large to process. increase the physical batch size","type":"server_error"}}"#,
            r#"{"error":{"code":500,"message":"input (9739 tokens) is larger than the max context size (8192 tokens). skipping","type":"server_error"}}"#,
        ] {
            assert!(recognise(body.as_bytes()).is_some(), "{body}");
        }
    }

    #[test]
    fn other_errors_are_not_taken_for_it() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":{"message":"you must give messages","type":"invalid_request_error","code":null}}"#,
            r#"{"error":{"message":"'stop' exceeds the maximum allowed length (4)","type":"invalid_request_error"}}"#,
            r#"{"error":{"code":500,"message":"CUDA error: out of memory","type":"server_error"}}"#,
            // The words in another place than the error's message.
            r#"{"error":{"message":"bad tool","type":"invalid_request_error"},"echo":"maximum context length is"}"#,
        ] {
            assert_eq!(recognise(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_goes_on_of_a_message_is_bounded() {
        let long = format!(r#"{{"error":{{"message":"maximum context length is {}"}}}}"#, "é".repeat(10_000));
        assert_eq!(recognise(long.as_bytes()).unwrap().chars().count(), MESSAGE_AT_MOST);
    }
}
